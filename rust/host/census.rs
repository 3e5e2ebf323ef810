// SPDX-License-Identifier: GPL-2.0

//! How many subflows a controller has, and what there is to tell of that.

/// The most looks between two lines about a path that comes and goes.
const MAX_PAUSE: u32 = 64;

/// What the queues of a controller have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// Subflows that can be used, of all queues.
    pub(super) subflows: u32,
    /// Those of the queue that has the fewest.
    pub(super) fewest: u32,
    /// Queues that have fallen back to TCP.
    pub(super) fallen_back: u32,
    /// Queues that are connected.
    pub(super) queues: u32,
}

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The first that is known of the controller.
    Begins,
    /// There are fewer subflows, of so many.
    Lost(u32),
    /// There are more subflows, of so many.
    Back(u32),
    /// More queues have fallen back.
    FellBack,
}

/// What has been told, and what has been seen since.
#[derive(Default)]
pub(super) struct Teller {
    told: Option<Census>,
    seen: Option<Census>,
    /// The most subflows that there have been.
    most: u32,
    /// How many looks to wait before the next line.
    wait: u32,
    /// How many to wait after it.
    pause: u32,
    /// How many have found nothing to tell since something was different.
    quiet: u32,
}

impl Teller {
    /// What there is to tell when the controller has `now`; [`None`] if it is not connected.
    pub(super) fn look(&mut self, now: Option<Census>) -> Option<News> {
        let settled = now == self.seen;
        self.seen = now;
        self.most = self.most.max(now.map_or(0, |now| now.subflows));
        self.wait = self.wait.saturating_sub(1);
        let now = now.filter(|_| settled)?;
        let Some(told) = self.told.filter(|told| told.queues == now.queues) else {
            let first = self.told.is_none();
            if !first {
                self.most = now.subflows;
            }
            // What was lost before this comes next.
            self.told = Some(Census {
                subflows: self.most,
                ..now
            });
            return first.then_some(News::Begins);
        };
        if (now.subflows, now.fallen_back) == (told.subflows, told.fallen_back) {
            self.quiet = self.quiet.saturating_add(1);
            if self.quiet > MAX_PAUSE {
                self.pause = 0;
            }
            return None;
        }
        self.quiet = 0;
        if self.wait > 0 {
            return None;
        }
        self.pause = self.pause.saturating_mul(2).clamp(2, MAX_PAUSE);
        self.wait = self.pause;
        self.told = Some(now);
        if now.fallen_back > told.fallen_back {
            Some(News::FellBack)
        } else if now.subflows < told.subflows {
            Some(News::Lost(self.most))
        } else {
            (now.subflows > told.subflows).then_some(News::Back(self.most))
        }
    }
}

#[cfg(nvme_kunit)]
#[::kernel::macros::kunit_tests(nvme_mptcp_host_census)]
mod tests {
    use super::*;

    fn has(subflows: u32, fallen_back: u32) -> Option<Census> {
        Some(Census {
            subflows,
            fewest: subflows / 4,
            fallen_back,
            queues: 4,
        })
    }

    /// What is told if `now` is seen for `looks` looks.
    fn told(teller: &mut Teller, now: Option<Census>, looks: u32) -> Option<News> {
        (0..looks).fold(None, |told, _| teller.look(now).or(told))
    }

    #[test]
    fn is_told_once_and_when_it_has_settled() {
        let mut teller = Teller::default();
        assert_eq!(teller.look(has(4, 0)), None);
        assert_eq!(teller.look(has(16, 0)), None);
        assert_eq!(teller.look(has(16, 0)), Some(News::Begins));
        assert_eq!(teller.look(has(14, 0)), None);
        assert_eq!(teller.look(has(12, 0)), None);
        assert_eq!(teller.look(has(12, 0)), Some(News::Lost(16)));
        assert_eq!(told(&mut teller, has(12, 0), 100), None);
        assert_eq!(told(&mut teller, has(16, 0), 2), Some(News::Back(16)));
    }

    #[test]
    fn what_is_lost_at_once_is_told() {
        let mut teller = Teller::default();
        assert_eq!(teller.look(has(16, 0)), None);
        assert_eq!(told(&mut teller, has(12, 0), 2), Some(News::Begins));
        assert_eq!(teller.look(has(12, 0)), Some(News::Lost(16)));
    }

    #[test]
    fn other_queues_are_no_news() {
        let mut teller = Teller::default();
        let two = Some(Census {
            subflows: 8,
            fewest: 4,
            fallen_back: 0,
            queues: 2,
        });
        assert_eq!(told(&mut teller, has(16, 0), 2), Some(News::Begins));
        assert_eq!(told(&mut teller, two, 100), None);
        assert_eq!(told(&mut teller, has(16, 0), 100), None);
    }

    #[test]
    fn a_reconnect_is_no_news() {
        let mut teller = Teller::default();
        assert_eq!(told(&mut teller, has(16, 0), 2), Some(News::Begins));
        assert_eq!(told(&mut teller, None, 100), None);
        assert_eq!(told(&mut teller, has(16, 0), 100), None);
        assert_eq!(told(&mut teller, None, 100), None);
        assert_eq!(told(&mut teller, has(12, 0), 2), Some(News::Lost(16)));
        assert_eq!(told(&mut teller, has(4, 4), 100), Some(News::FellBack));
    }

    #[test]
    fn who_comes_and_goes_is_told_of_less_often() {
        let mut teller = Teller::default();
        assert_eq!(told(&mut teller, has(16, 0), 2), Some(News::Begins));
        let lines = (0..1000)
            .filter(|turn| told(&mut teller, has(12 + 4 * (turn % 2), 0), 2).is_some())
            .count();
        assert!((10..50).contains(&lines));
        // And at once again after a quiet time.
        told(&mut teller, has(16, 0), 200);
        assert_eq!(told(&mut teller, has(12, 0), 2), Some(News::Lost(16)));
        assert_eq!(told(&mut teller, has(16, 0), 3), Some(News::Back(16)));
    }
}
