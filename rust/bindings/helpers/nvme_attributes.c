// SPDX-License-Identifier: GPL-2.0
/* The attributes of a controller in sysfs, beside those of the core. */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "nvme.h"
#include "helpers.h"

static ssize_t subflows_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%u\n", rust_nvme_figure(dev_get_drvdata(dev), 0));
}
static DEVICE_ATTR_RO(subflows);

static ssize_t fallback_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%u\n", rust_nvme_figure(dev_get_drvdata(dev), 1));
}
static DEVICE_ATTR_RO(fallback);

static struct attribute *mptcp_attrs[] = {
	&dev_attr_subflows.attr,
	&dev_attr_fallback.attr,
	NULL
};

static const struct attribute_group mptcp_group = {
	.name = "mptcp",
	.attrs = mptcp_attrs,
};

int helper_nvme_add_attributes(struct nvme_ctrl *ctrl)
{
	return sysfs_create_group(&ctrl->device->kobj, &mptcp_group);
}

void helper_nvme_remove_attributes(struct nvme_ctrl *ctrl)
{
	sysfs_remove_group(&ctrl->device->kobj, &mptcp_group);
}
