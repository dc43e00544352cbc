//! The planner against what it promises, and against restic's documented examples.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn newest_first(texts: &[&str]) -> Vec<i64> {
    let mut times: Vec<i64> = texts.iter().map(|text| at(text)).collect();
    times.sort_by(|left, right| right.cmp(left));
    times
}

fn policy(counts: [u32; 6]) -> Policy {
    Policy {
        counts: counts.map(Count::Number),
        ..Policy::default()
    }
}

fn within(texts: [&str; 6]) -> Policy {
    Policy {
        within: texts.map(|text| text.parse().ok()),
        ..Policy::default()
    }
}

fn kept(times: &[i64], policy: &Policy) -> Vec<i64> {
    let reasons = policy.apply(times).into_iter();
    let kept = times.iter().zip(reasons).filter(|(_, why)| why.keep());
    kept.map(|(time, _)| *time).collect()
}

fn words(times: &[i64], policy: &Policy) -> Vec<String> {
    let reasons = policy.apply(times);
    reasons.iter().map(ToString::to_string).collect()
}

/// A backup each Sunday for twelve weeks: four days that have one are four Sundays.
#[test]
fn restic_four_daily_of_weekly_backups_are_four_weeks() {
    let first = at("2019-09-01T11:00:00Z");
    let sundays: Vec<i64> = (0..12).rev().map(|week| first + week * 7 * DAY).collect();
    let kept = kept(&sundays, &policy([0, 0, 4, 0, 0, 0]));
    assert_eq!(kept, sundays[..4]);
    assert_eq!(kept[3], at("2019-10-27T11:00:00Z"));
}

/// One each day for a century, kept by seven days, five weeks, twelve months and 75 years.
#[test]
fn restic_a_daily_backup_for_a_hundred_years() {
    let last = at("2019-11-17T11:00:00Z");
    let times: Vec<i64> = (0..36_525).map(|day| last - day * DAY).collect();
    let policy = policy([0, 0, 7, 5, 12, 75]);
    let reasons = policy.apply(&times);
    let by = |rule: Rule| {
        let mut only = Reasons::default();
        only.add(rule);
        let word = only.to_string();
        let of_rule = |why: &&Reasons| why.words().contains(&word);
        reasons.iter().filter(of_rule).count()
    };
    let counted = [Rule::Daily, Rule::Weekly, Rule::Monthly, Rule::Yearly].map(by);
    assert_eq!(counted, [7, 5, 12, 75]);
    let kept = kept(&times, &policy);
    // The newest is of all four rules. Otherwise a Sunday among the days is none of ours: the
    // 17th was one, and so the next four weeks lie outside the seven days.
    assert_eq!(kept[..7], times[..7]);
    let beyond: Vec<i64> = kept[7..].to_vec();
    let weeks = [7, 14, 21, 28].map(|days| last - days * DAY);
    assert!(
        weeks.iter().all(|week| beyond.contains(week)),
        "four further weeks"
    );
    for month_end in ["2019-10-31", "2019-09-30", "2018-12-31"] {
        assert!(
            beyond.contains(&at(&format!("{month_end}T11:00:00Z"))),
            "{month_end}"
        );
    }
    // 7 days, 4 weeks, 11 months (this one is the newest), 74 years (this one, too), of which
    // December 2018 is a month as well.
    assert_eq!(kept.len(), 7 + 4 + 11 + 73);
    assert!(beyond.contains(&at("1945-12-31T11:00:00Z")));
    assert!(!beyond.contains(&at("1944-12-31T11:00:00Z")));
}

/// The difference between so many days and so many days back, as its users explain it.
#[test]
fn restic_daily_counts_days_that_have_one_and_within_counts_back_from_the_newest() {
    let times = newest_first(&[
        "2023-05-01T08:00:00Z",
        "2023-05-02T08:00:00Z",
        "2023-05-02T11:00:00Z",
        "2023-05-04T09:00:00Z",
        "2023-05-05T10:00:00Z",
    ]);
    let without = |gone: &[usize]| -> Vec<i64> {
        let stays = |at: &usize| !gone.contains(at);
        (0..5).filter(stays).map(|at| times[at]).collect()
    };
    assert_eq!(kept(&times, &policy([0, 0, 4, 0, 0, 0])), without(&[3]));
    assert_eq!(
        kept(&times, &within(["", "", "4d", "", "", ""])),
        without(&[3, 4])
    );
    assert_eq!(
        kept(&times, &within(["1d2h", "", "", "", "", ""])),
        without(&[2, 3, 4])
    );
}

/// A history that is too short for a rule keeps its oldest for it.
#[test]
fn restic_the_oldest_stays_while_a_rule_has_some_left() {
    let times = newest_first(&[
        "2026-01-01T01:00:00Z",
        "2026-01-01T02:00:00Z",
        "2026-01-02T01:00:00Z",
        "2026-01-02T02:00:00Z",
    ]);
    assert_eq!(
        words(&times, &policy([0, 0, 3, 0, 0, 0])),
        ["daily", "no rule keeps it", "daily", "oldest daily"]
    );
    assert_eq!(
        words(&times, &policy([0, 0, 2, 0, 0, 0])),
        ["daily", "no rule keeps it", "daily", "no rule keeps it"]
    );
    assert_eq!(
        words(&times, &policy([1, 0, 1, 0, 0, 2])),
        [
            "last, daily, yearly",
            "no rule keeps it",
            "no rule keeps it",
            "oldest yearly"
        ]
    );
}

#[test]
fn unlimited_keeps_one_of_each_period_for_ever() {
    let times: Vec<i64> = (0..100)
        .map(|half| at("2026-05-01T12:00:00Z") - half * DAY / 2)
        .collect();
    let mut all = Policy::default();
    all.counts[2] = Count::Unlimited;
    assert_eq!(kept(&times, &all).len(), 51, "fifty days, and the oldest");
}

fn now() -> Timestamp {
    "2026-03-01T00:10:00Z".parse().unwrap()
}

/// Hourly until shortly before now.
fn hourly(count: i64) -> Vec<i64> {
    (0..count)
        .map(|hour| at("2026-03-01T00:00:00Z") - hour * HOUR)
        .collect()
}

#[test]
fn without_a_verification_the_newest_seven_stay() {
    let one = policy([1, 0, 0, 0, 0, 0]);
    let deletes = |safety: Safety, verified| {
        let findings = Findings {
            verified,
            doubt: None,
        };
        let plan = plan(&hourly(20), &one, &safety, &findings, now());
        (plan.deletes(), plan.reasons)
    };
    assert_eq!(deletes(Safety::default(), None).0, 13);
    let (count, reasons) = deletes(Safety::default(), Some(4));
    assert_eq!(count, 18);
    assert!(reasons[4].has_guard(Guard::NewestVerified));
    let asked = Safety {
        min_keep: Some(10),
        ..Safety::default()
    };
    assert_eq!(deletes(asked, Some(4)).0, 10);
    assert_eq!(deletes(asked, Some(14)).0, 9);
}

#[test]
fn when_backups_stopped_nothing_goes() {
    let one = policy([1, 0, 0, 0, 0, 0]);
    let at = |hours: i64, interval| {
        let now = Timestamp::from_millisecond(hourly(1)[0] + hours * HOUR).unwrap();
        let safety = Safety {
            interval,
            ..Safety::default()
        };
        plan(&hourly(30), &one, &safety, &Findings::default(), now)
    };
    assert!(at(2, None).refused.is_none());
    let stopped = at(3, None);
    assert_eq!(stopped.deletes(), 0);
    assert!(stopped.refused.unwrap().contains("two intervals of 60m"));
    assert!(at(3, Some(SignedDuration::from_hours(2))).refused.is_none());
    assert!(at(5, Some(SignedDuration::from_hours(2))).refused.is_some());
    // Some by hand, seconds apart, are no schedule.
    let by_hand: Vec<i64> = (0..9).map(|second| hourly(1)[0] - second * 1000).collect();
    let later = Timestamp::from_millisecond(by_hand[0] + HOUR).unwrap();
    let plan_by_hand = plan(
        &by_hand,
        &one,
        &Safety::default(),
        &Findings::default(),
        later,
    );
    assert!(plan_by_hand.refused.is_none());
    // One snapshot alone tells no interval, and stays anyway.
    let alone = plan(
        &hourly(1),
        &one,
        &Safety::default(),
        &Findings::default(),
        now(),
    );
    assert_eq!((alone.interval, alone.deletes()), (None, 0));
}

#[test]
fn too_many_and_a_doubtful_newest_stop_it() {
    let one = policy([1, 0, 0, 0, 0, 0]);
    let most = |most| Safety {
        max_delete: Some(most),
        ..Safety::default()
    };
    let none = Findings::default();
    assert_eq!(
        plan(&hourly(20), &one, &most(13), &none, now()).deletes(),
        13
    );
    let refused = plan(&hourly(20), &one, &most(12), &none, now());
    assert_eq!(refused.deletes(), 0);
    assert!(refused.refused.unwrap().contains("13 would be deleted"));
    let doubtful = Findings {
        verified: Some(0),
        doubt: Some("it is cut".to_owned()),
    };
    let refused = plan(&hourly(20), &one, &Safety::default(), &doubtful, now());
    assert_eq!((refused.deletes(), refused.refused), (0, doubtful.doubt));
}

fn any_times() -> impl Strategy<Value = Vec<i64>> {
    // Over three years, in steps that often share an hour, a day or a week.
    let steps = proptest::collection::vec(0_i64..40, 0..120);
    (steps, 1_i64..30).prop_map(|(steps, unit)| {
        let mut time = at("2026-02-28T23:30:00Z");
        let mut times: Vec<i64> = steps
            .into_iter()
            .map(|step| {
                time -= step * unit * HOUR / 7;
                time
            })
            .collect();
        times.sort_by(|left, right| right.cmp(left));
        times
    })
}

fn any_count() -> impl Strategy<Value = Count> {
    prop_oneof![4 => Just(Count::Number(0)), 5 => (1_u32..12).prop_map(Count::Number), 1 => Just(Count::Unlimited)]
}

fn any_within() -> impl Strategy<Value = Option<Within>> {
    let span = (0_u16..2, 0_u16..5, 0_u16..20, 1_u16..20);
    let span = span.prop_map(|(years, months, days, hours)| Within {
        years,
        months,
        days,
        hours,
    });
    proptest::option::weighted(0.2, span)
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let counts = proptest::array::uniform6(any_count());
    let within = proptest::array::uniform6(any_within());
    (counts, within)
        .prop_map(|(counts, within)| Policy { counts, within })
        .prop_filter("an empty one is refused before", |policy| {
            !policy.is_empty()
        })
}

fn any_findings() -> impl Strategy<Value = Findings> {
    proptest::option::of(0_usize..120).prop_map(|verified| Findings {
        verified,
        doubt: None,
    })
}

fn any_safety() -> impl Strategy<Value = Safety> {
    proptest::option::of(0_usize..20).prop_map(|min_keep| Safety {
        min_keep,
        interval: Some(SignedDuration::from_hours(1)),
        max_delete: None,
    })
}

/// The verified one by its place, where there is one.
fn in_bounds(findings: Findings, times: &[i64]) -> Findings {
    Findings {
        verified: findings.verified.filter(|at| *at < times.len()),
        ..findings
    }
}

fn survivors(times: &[i64], plan: &Plan) -> Vec<i64> {
    let pairs = times.iter().zip(&plan.reasons);
    pairs
        .filter(|(_, why)| why.keep())
        .map(|(time, _)| *time)
        .collect()
}

proptest! {
    #[test]
    fn enough_stays_and_the_newest_verified_does(
        times in any_times(), policy in any_policy(), safety in any_safety(), findings in any_findings()
    ) {
        let findings = in_bounds(findings, &times);
        let plan = plan(&times, &policy, &safety, &findings, now());
        let enough = match (safety.min_keep, findings.verified) {
            (Some(asked), _) => asked,
            (None, None) => MIN_KEEP,
            (None, Some(_)) => 1,
        };
        let stay = survivors(&times, &plan);
        prop_assert!(stay.len() >= enough.min(times.len()));
        prop_assert!(plan.reasons.iter().take(safety.min_keep.unwrap_or(0)).all(|why| why.keep()));
        if let Some(at) = findings.verified {
            prop_assert!(plan.reasons[at].keep());
        }
        if !times.is_empty() {
            prop_assert!(plan.reasons[0].keep(), "every policy keeps the newest");
        }
    }

    #[test]
    fn nothing_goes_when_the_newest_is_old(
        times in any_times(), policy in any_policy(), findings in any_findings(), hours in 3_i64..10_000
    ) {
        let Some(newest) = times.first() else { return Ok(()) };
        let now = Timestamp::from_millisecond(newest + hours * HOUR).unwrap();
        let safety = Safety { interval: Some(SignedDuration::from_hours(1)), ..Safety::default() };
        let plan = plan(&times, &policy, &safety, &in_bounds(findings, &times), now);
        prop_assert_eq!(plan.deletes(), 0);
        prop_assert!(plan.refused.is_some());
    }

    #[test]
    fn a_second_prune_deletes_nothing_more(
        times in any_times(), policy in any_policy(), safety in any_safety(), findings in any_findings()
    ) {
        let findings = in_bounds(findings, &times);
        let first = plan(&times, &policy, &safety, &findings, now());
        let stay = survivors(&times, &first);
        // The same snapshot is the newest verified one, at its new place.
        let verified = findings.verified.map(|at| {
            first.reasons[..at].iter().filter(|why| why.keep()).count()
        });
        let findings = Findings { verified, doubt: None };
        let second = plan(&stay, &policy, &safety, &findings, now());
        prop_assert_eq!(second.deletes(), 0, "{:?}", stay);
    }

    #[test]
    fn a_more_generous_policy_keeps_no_less(
        times in any_times(), policy in any_policy(), rule in 0_usize..12, more in 1_u32..9
    ) {
        let mut generous = policy;
        match rule.checked_sub(6) {
            None => generous.counts[rule] = match policy.counts[rule] {
                Count::Number(count) => Count::Number(count + more),
                Count::Unlimited => Count::Unlimited,
            },
            Some(rule) => {
                let mut span = policy.within[rule].unwrap_or_default();
                span.days += u16::try_from(more).unwrap();
                generous.within[rule] = Some(span);
            }
        }
        let less: BTreeSet<i64> = kept(&times, &policy).into_iter().collect();
        let kept: BTreeSet<i64> = kept(&times, &generous).into_iter().collect();
        prop_assert!(less.is_subset(&kept));
    }

    #[test]
    fn more_of_min_keep_keeps_no_less(
        times in any_times(), policy in any_policy(), findings in any_findings(), least in 0_usize..20
    ) {
        let findings = in_bounds(findings, &times);
        let with = |min_keep| {
            let safety = Safety { min_keep: Some(min_keep), interval: Some(SignedDuration::from_hours(1)), max_delete: None };
            plan(&times, &policy, &safety, &findings, now()).deletes()
        };
        prop_assert!(with(least + 1) <= with(least));
    }
}
