// SPDX-License-Identifier: GPL-2.0

//! The fields of queue entries, and what is computed from numbers alone.

use nvme_tcp_wire::{
    cqe,
    finish,
    send_size,
    sqe,
    Crc32c,
    CRC_SEED, //
};
use proptest::{
    array::uniform16,
    collection::vec,
    prelude::*, //
};

use crate::{
    strategy::sqe,
    Crate, //
};

/// The least that is sent in one call while there is more, in bytes.
const SMALL: usize = 16 << 10;

/// Lengths of I/Os and of what is on its way.
fn bytes() -> impl Strategy<Value = usize> {
    prop_oneof![0..200_000_usize, 900_000..1_200_000_usize, any::<usize>()]
}

proptest! {
    /// Fields are where the figures have them, whatever stands around them.
    #[test]
    fn sqe_reads_its_bytes(sqe in sqe(), opcode in any::<u8>(), fabrics in any::<bool>()) {
        let mut sqe = sqe;
        sqe[0] = if fabrics { 0x7f } else { opcode };
        let word = |at: usize| u16::from_le_bytes([sqe[at], sqe[at + 1]]);

        prop_assert_eq!(sqe::opcode(&sqe), sqe[0]);
        prop_assert_eq!(sqe::command_id(&sqe), word(2));

        // The lowest bits of an opcode, or of FCTYPE, say where data go.
        let code = if sqe[0] == 0x7f { sqe[4] } else { sqe[0] };
        prop_assert_eq!(sqe::transfers_to_controller(&sqe), code % 2 == 1);
    }

    /// A connect command is one by its opcode and FCTYPE, and by nothing else.
    #[test]
    fn sqe_knows_connect(sqe in sqe(), opcode in any::<u8>(), fctype in 0..4_u8, aim in any::<bool>()) {
        let mut sqe = sqe;
        sqe[0] = if aim { 0x7f } else { opcode };
        sqe[4] = fctype;
        let connect = sqe::connect(&sqe);

        prop_assert_eq!(connect.is_some(), sqe[0] == 0x7f && fctype == 1);
        if let Some(connect) = connect {
            prop_assert_eq!(connect.qid.to_le_bytes(), [sqe[42], sqe[43]]);
            prop_assert_eq!(connect.sqsize.to_le_bytes(), [sqe[44], sqe[45]]);
        }
    }

    #[test]
    fn cqe_reads_its_bytes(cqe in uniform16(any::<u8>())) {
        let mut back = cqe;
        back[..8].copy_from_slice(&cqe::result(&cqe).to_le_bytes());
        back[12..14].copy_from_slice(&cqe::command_id(&cqe).to_le_bytes());
        back[14..].copy_from_slice(&cqe::status(&cqe).to_le_bytes());
        prop_assert_eq!(back, cqe);
    }

    /// A digest does not depend on how the data came.
    #[test]
    fn digest_in_pieces(data in vec(any::<u8>(), 0..500), cut in any::<prop::sample::Index>()) {
        let (first, second) = data.split_at(cut.index(data.len() + 1));
        let whole = Crate::update(CRC_SEED, &data);
        prop_assert_eq!(Crate::update(Crate::update(CRC_SEED, first), second), whole);
        prop_assert_eq!(finish(whole), crc32c::crc32c(&data).to_le_bytes());
    }

    /// A send is never less than a subflow is worth waking for. It is a part of the longest I/O, of
    /// which there are two at least, or as much as there is.
    #[test]
    fn send_size_is_a_part_or_all(
        subflows in prop_oneof![0..5_u32, any::<u32>()],
        outstanding in bytes(),
        longest in bytes(),
    ) {
        let size = send_size(subflows, outstanding, longest);
        prop_assert!(size >= SMALL);
        prop_assert!(size == usize::MAX || size <= SMALL.max(longest / 2));
        prop_assert_eq!(size == usize::MAX, subflows < 2 || outstanding >= 1 << 20);
    }

    /// More to do never makes sends smaller.
    #[test]
    fn send_size_grows(
        subflows in 0..5_u32,
        outstanding in bytes(),
        longest in bytes(),
        more in bytes(),
    ) {
        let size = send_size(subflows, outstanding, longest);
        prop_assert!(send_size(subflows, outstanding, longest.saturating_add(more)) >= size);
        prop_assert!(send_size(subflows, outstanding.saturating_add(more), longest) >= size);
    }
}
