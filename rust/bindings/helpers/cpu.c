// SPDX-License-Identifier: GPL-2.0
/* Which CPUs there are, as functions for Rust. */
#include <linux/cpumask.h>
#include <linux/rcupdate.h>
#include <linux/sched/isolation.h>

#include "helpers.h"

bool helper_cpu_possible(unsigned int cpu)
{
	return cpu_possible(cpu);
}

bool helper_cpu_online(unsigned int cpu)
{
	return cpu_online(cpu);
}

bool helper_cpu_is_isolated(unsigned int cpu)
{
	guard(rcu)();
	return cpu_is_isolated(cpu);
}
