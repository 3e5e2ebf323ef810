// SPDX-License-Identifier: GPL-2.0
/* Static inlines of bounds for messages, as functions for Rust. */
#include <linux/ratelimit.h>

#include "helpers.h"

void helper_ratelimit_state_init(struct ratelimit_state *state)
{
	ratelimit_default_init(state);
}
