// SPDX-License-Identifier: GPL-2.0

//! Accounting against a model: a map with a mark on every byte of the command's data.

use nvme_tcp_wire::{
    C2HData,
    C2hEmitter,
    C2hTransfer,
    H2CData,
    H2cTransfer,
    PduHeader,
    R2tTransfer,
    Solicited,
    MIN_MAXH2CDATA,
    R2T, //
};
use proptest::{
    collection::vec,
    prelude::*, //
};

use crate::{
    strategy::layout,
    Crate, //
};

/// Marks each byte of a command's data when it is moved.
struct Map(Vec<u8>);

impl Map {
    fn new(len: u32) -> Self {
        Self(vec![0; len as usize])
    }

    /// Marks `len` bytes at `offset`; false if that is outside.
    fn mark(&mut self, offset: u32, len: u32) -> bool {
        let (offset, len) = (offset as usize, len as usize);
        match self.0.get_mut(offset..offset.saturating_add(len)) {
            Some(bytes) => {
                bytes
                    .iter_mut()
                    .for_each(|mark| *mark = mark.saturating_add(1));
                true
            }
            None => false,
        }
    }

    fn all_once(&self) -> bool {
        self.0.iter().all(|mark| *mark == 1)
    }

    fn none_twice(&self) -> bool {
        self.0.iter().all(|mark| *mark <= 1)
    }
}

/// Takes a PDU across the wire: `emit`, then `parse`.
macro_rules! across {
    ($pdu:expr, $type:ty, $layout:expr) => {{
        let mut bytes = [0; 128];
        $pdu.emit::<Crate>($layout, &mut bytes).unwrap();
        <$type>::parse(&bytes, $layout).unwrap()
    }};
}

/// Numbers near those that matter for data of `len` bytes.
fn near(len: u32) -> impl Strategy<Value = u32> {
    prop_oneof![
        0..=len.saturating_add(2),
        Just(0),
        Just(len),
        Just(u32::MAX),
        any::<u32>()
    ]
}

proptest! {
    /// A write, from R2T to the last H2CData, between our host and our controller.
    #[test]
    fn write_moves_every_byte_once(
        data_len in 1..100_000_u32,
        maxh2cdata in MIN_MAXH2CDATA..20_000,
        limits in vec(1..30_000_u32, 1..10),
        layout in layout(),
    ) {
        let mut map = Map::new(data_len);
        let (mut controller, r2t) = R2tTransfer::new(7, 9, data_len).unwrap();
        let (mut asked, mut host) = (Solicited::new(data_len), H2cTransfer::new());
        let mut sent = 0;
        let mut limits = limits.iter().cycle();

        let r2t = across!(r2t, R2T, &layout);
        prop_assert!(asked.check_complete().is_err());
        prop_assert_eq!(asked.r2t(&r2t), Ok(()));
        host.serve(&r2t);

        while let Some(pdu) = host.next(maxh2cdata.min(*limits.next().unwrap())) {
            sent += pdu.datal;
            let pdu = across!(pdu, H2CData, &layout);
            let complete = controller.data(&pdu, maxh2cdata);

            prop_assert_eq!(complete, Ok(!host.is_open()));
            prop_assert!(map.mark(pdu.datao, pdu.datal));
            prop_assert_eq!(controller.outstanding(), data_len - sent);
        }
        prop_assert_eq!(sent, data_len);
        prop_assert!(map.all_once());
        // And no R2T can make the host send any of it again.
        prop_assert!(asked.r2t(&r2t).is_err());
        prop_assert_eq!(asked.check_complete(), Ok(()));
    }

    /// A read, between our controller and our host.
    #[test]
    fn read_moves_every_byte_once(
        data_len in 0..100_000_u32,
        limits in vec(1..30_000_u32, 1..10),
        success in any::<bool>(),
        layout in layout(),
    ) {
        let mut map = Map::new(data_len);
        let mut controller = C2hEmitter::new(7, data_len);
        let mut host = C2hTransfer::new();
        let mut limits = limits.iter().cycle();
        let mut said = false;

        while let Some(pdu) = controller.next(*limits.next().unwrap(), success) {
            let pdu = across!(pdu, C2HData, &layout);
            prop_assert_eq!(host.data(&pdu, data_len), Ok(()));
            prop_assert!(map.mark(pdu.datao, pdu.datal));
            prop_assert!(!said);
            prop_assert_eq!(pdu.last, host.received() == data_len);
            said = pdu.success;
        }
        prop_assert!(map.all_once());
        prop_assert_eq!(host.received(), data_len);
        prop_assert_eq!(said, success && data_len != 0);
    }

    /// A controller that asks for anything gets no byte twice, and none that is not there.
    #[test]
    fn host_obeys_no_wild_r2t(
        (data_len, r2ts) in (1..5000_u32).prop_flat_map(|len| {
            (Just(len), vec((near(len), near(len)), 1..30))
        }),
    ) {
        let mut map = Map::new(data_len);
        let (mut asked, mut host) = (Solicited::new(data_len), H2cTransfer::new());
        let mut sent = 0;
        for (r2to, r2tl) in r2ts {
            let r2t = R2T { cccid: 7, ttag: 9, r2to, r2tl };
            let legal = r2to == sent
                && r2tl != 0
                && u64::from(r2to) + u64::from(r2tl) <= u64::from(data_len);
            let before = asked;
            prop_assert_eq!(asked.r2t(&r2t).is_ok(), legal);
            if !legal {
                prop_assert_eq!(asked, before);
                continue;
            }
            host.serve(&r2t);
            while let Some(pdu) = host.next(700) {
                prop_assert!(map.mark(pdu.datao, pdu.datal));
                sent += pdu.datal;
            }
        }
        prop_assert!(map.none_twice());
        prop_assert_eq!(asked.check_complete().is_ok(), sent == data_len);
    }

    /// A host that sends anything overwrites no byte, and completes nothing but the whole.
    #[test]
    fn controller_obeys_no_wild_data(
        (data_len, pdus) in (1..5000_u32).prop_flat_map(|len| {
            (Just(len), vec((near(len), near(len), any::<bool>(), 0..3_u32), 1..30))
        }),
    ) {
        let maxh2cdata = MIN_MAXH2CDATA;
        let mut map = Map::new(data_len);
        let (mut controller, _) = R2tTransfer::new(7, 9, data_len).unwrap();
        let mut received = 0;
        for (datao, datal, last, aim) in pdus {
            // One in three is aimed well, so that the transfer gets somewhere.
            let left = data_len - received;
            let (datao, datal, last) = match aim {
                0 => {
                    let datal = datal.min(left).min(maxh2cdata);
                    (received, datal, datal == left)
                }
                _ => (datao, datal, last),
            };
            let legal = datao == received
                && datal <= left
                && datal <= maxh2cdata
                && last == (datal == left);
            let pdu = H2CData { cccid: 7, ttag: 9, datao, datal, last };
            let result = controller.data(&pdu, maxh2cdata);
            prop_assert_eq!(result.is_ok(), legal);
            if let Ok(complete) = result {
                prop_assert!(map.mark(datao, datal));
                received += datal;
                prop_assert_eq!(complete, received == data_len);
            }
            prop_assert_eq!(controller.outstanding(), data_len - received);
        }
        prop_assert!(map.none_twice());
    }

    /// A controller that sends anything overwrites no byte of a read.
    #[test]
    fn host_obeys_no_wild_data(
        (data_len, pdus) in (1..5000_u32).prop_flat_map(|len| {
            (Just(len), vec((near(len), near(len), any::<bool>(), 0..3_u32), 1..30))
        }),
    ) {
        let mut map = Map::new(data_len);
        let mut host = C2hTransfer::new();
        let mut ended = false;
        for (datao, datal, last, aim) in pdus {
            let left = data_len - host.received();
            let (datao, datal, last) = match aim {
                0 => (host.received(), datal.min(left), false),
                _ => (datao, datal, last),
            };
            let legal = !ended && datao == host.received() && datal <= left;
            let pdu = C2HData { cccid: 7, datao, datal, last, success: false };
            prop_assert_eq!(host.data(&pdu, data_len).is_ok(), legal);
            if legal {
                prop_assert!(map.mark(datao, datal));
                ended = last;
            }
        }
        prop_assert!(map.none_twice());
    }
}
