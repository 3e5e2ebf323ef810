# SPDX-License-Identifier: GPL-2.0
# Thin: every target is one script in scripts/, which `make help` points to.
# The modules themselves are built by Kbuild, from the file of that name.

MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

checks := rustfmt clippy wire checkpatch shellcheck layers install

.PHONY: help
help: ## show this list
	@echo 'First command on a new machine: make demo, or make test. Both do all set-up.'
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 23
	@echo '  make check-WHAT      one of: $(checks)'
	@echo
	@echo '  scripts/vm -- COMMAND...   run a command in a fresh VM on the current build'

.PHONY: demo
demo: setup ## one controller over four links, measured against one link of nvme-tcp
	@scripts/vm --steady -- scripts/guest/demo

.PHONY: test
test: ## build everything and run every test; the last line is the count
	@scripts/test

.PHONY: test-debug
test-debug: ## the same tests in the VM, on a kernel with KASAN, lockdep and kmemleak
	@scripts/test debug

.PHONY: test-long
test-long: ## what takes hours without KVM: the kernel's tests of TLS and MPTCP, fuzzing, kselftest, the series
	@scripts/test long
	@scripts/test-fuzz
	@scripts/test-kselftest
	@scripts/test-mailbox

.PHONY: test-graft
test-graft: ## build the drivers in the kernel tree, =m and =y, boot that and test it
	@scripts/test-graft

.PHONY: bench
bench: ## measure beside nvme-tcp, in one VM: table, plots and all runs in build/bench
	@scripts/bench

.PHONY: bench-quick
bench-quick: ## the same, but only what there are goals for
	@scripts/bench quick

.PHONY: check
check: ## style, lints and layer rules, without a VM
	@scripts/check

.PHONY: $(addprefix check-,$(checks))
$(addprefix check-,$(checks)): check-%:
	@scripts/check $*

.PHONY: modules
modules: ## build the modules, for the VM or for your own kernel: make modules KDIR=/path
	@scripts/$(if $(KDIR),modules/kdir '$(KDIR)',setup)

.PHONY: install
install: ## put modules, library, rules, units and man page on this machine: KDIR= PREFIX= DESTDIR=
	@scripts/install

.PHONY: uninstall
uninstall: ## take that back
	@scripts/install uninstall

.PHONY: graft
graft: ## put the drivers into a patched kernel tree: make graft LINUX=/path
	@scripts/upstream/graft '$(LINUX)'

.PHONY: mailbox
mailbox: ## print patches and drivers as a series for git am: build/mailbox, or OUT=
	@scripts/upstream/mailbox $(if $(OUT),'$(OUT)')

.PHONY: setup
setup: ## make or update root folder, kernel and modules, without running anything
	@scripts/setup

.PHONY: clean
clean: ## remove what this clone has built; the tools and the kernel stay
	@scripts/clean

.PHONY: clean-cache
clean-cache: ## remove the whole cache, tools and kernel included
	@scripts/clean cache
