// SPDX-License-Identifier: GPL-2.0

//! Fuzzes the accounting of a command's data, on both sides: no byte is moved twice, and none that
//! is not the command's.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nvme_tcp_wire::{
    C2HData,
    C2hTransfer,
    H2CData,
    H2cTransfer,
    R2tTransfer,
    Solicited,
    R2T, //
};

/// One PDU of the peer: offset, length, LAST_PDU; and how much our side sends then.
type Step = (u32, u32, bool, u32);

/// A controller receives a write.
fn write(data_len: u32, maxh2cdata: u32, steps: &[Step]) {
    let Some((mut transfer, _)) = R2tTransfer::new(7, 9, data_len) else {
        return;
    };
    let mut end = 0;
    for &(datao, datal, last, _) in steps {
        let (cccid, ttag) = (7, 9);
        let pdu = H2CData {
            cccid,
            ttag,
            datao,
            datal,
            last,
        };
        if let Ok(complete) = transfer.data(&pdu, maxh2cdata) {
            assert_eq!(datao, end);
            assert!(datal <= maxh2cdata && datal <= data_len - end);
            end += datal;
            assert_eq!(complete, end == data_len);
        }
        assert_eq!(transfer.outstanding(), data_len - end);
    }
}

/// A host sends a write.
fn ask(data_len: u32, steps: &[Step]) {
    let (mut asked, mut transfer) = (Solicited::new(data_len), H2cTransfer::new());
    let mut sent = 0;
    for &(r2to, r2tl, _, max) in steps {
        let (cccid, ttag) = (7, 9);
        let r2t = R2T {
            cccid,
            ttag,
            r2to,
            r2tl,
        };
        if !transfer.is_open() && asked.r2t(&r2t).is_ok() {
            transfer.serve(&r2t);
        }
        if let Some(pdu) = transfer.next(max) {
            assert_eq!(pdu.datao, sent);
            assert!(pdu.datal != 0 && pdu.datal <= max && pdu.datal <= data_len - sent);
            sent += pdu.datal;
        }
    }
}

/// A host receives a read.
fn read(data_len: u32, steps: &[Step]) {
    let mut transfer = C2hTransfer::new();
    let mut ended = false;
    for &(datao, datal, last, _) in steps {
        let (cccid, success) = (7, false);
        let end = transfer.received();
        let pdu = C2HData {
            cccid,
            datao,
            datal,
            last,
            success,
        };
        if transfer.data(&pdu, data_len).is_ok() {
            assert!(!ended && datao == end && datal <= data_len - end);
            ended = last;
        }
        assert!(transfer.received() <= data_len);
    }
}

fuzz_target!(|input: (u32, u32, Vec<Step>)| {
    let (data_len, maxh2cdata, steps) = input;
    write(data_len, maxh2cdata, &steps);
    ask(data_len, &steps);
    read(data_len, &steps);
});
