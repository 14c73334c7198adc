#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# spans.sh PAIRS (in the guest): that many pairs of E1 spans, the two of a pair cross-connected by DAHDI itself; 31 channels each, the
# D-channel on the 16th.
pair=0
channel=1
: >/etc/dahdi/system.conf
while [ "$pair" -lt "$1" ]; do
	for side in 0 1; do
		printf 'dynamic=loc,%x:%d,31,0\n' "$pair" "$side" >>/etc/dahdi/system.conf
	done
	pair=$((pair + 1))
done
pair=0
while [ "$pair" -lt $(($1 * 2)) ]; do
	echo "bchan=$channel-$((channel + 14)),$((channel + 16))-$((channel + 30))" >>/etc/dahdi/system.conf
	echo "dchan=$((channel + 15))" >>/etc/dahdi/system.conf
	channel=$((channel + 31))
	pair=$((pair + 1))
done
printf 'alaw=1-%d\nloadzone=uk\ndefaultzone=uk\n' $(($1 * 62)) >>/etc/dahdi/system.conf
exec dahdi_cfg
