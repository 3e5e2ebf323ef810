# SPDX-License-Identifier: GPL-2.0
# Where things go, for the Makefiles below: with PREFIX=/usr where packages put
# them, otherwise where administrators do. DESTDIR is put before everything.

PREFIX ?= /usr/local
packaged = $(filter /usr,$(PREFIX))
LIBDIR ?= $(PREFIX)/lib
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
CONFDIR ?= /etc/nvme-mptcp
UNITDIR ?= $(if $(packaged),/usr/lib,/etc)/systemd/system
RULESDIR ?= $(if $(packaged),/usr/lib,/etc)/udev/rules.d

# $(call filled,FROM,TO,MODE): a file in which @NAME@ stands for such a place
define filled
	install -d '$(DESTDIR)$(dir $(2))'
	sed $(foreach n,LIBDIR SBINDIR CONFDIR LIBRARY,-e 's:@$(n)@:$($(n)):g') '$(1)' >'$(DESTDIR)$(2)'
	chmod $(3) '$(DESTDIR)$(2)'
endef

.PHONY: all install uninstall
