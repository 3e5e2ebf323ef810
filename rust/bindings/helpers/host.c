// SPDX-License-Identifier: GPL-2.0
/* The helpers of the host module. */
#include "cpu.c"
#include "net.c"
#include "nvme.c"
