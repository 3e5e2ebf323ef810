// SPDX-License-Identifier: GPL-2.0
/* The helpers of the target module. */
#include "net.c"
#include "nvmet.c"
