use futures_util::FutureExt;

use super::*;

/// Enters without waiting, if there is a place.
fn enters(gate: &Arc<Gate>) -> Option<Place> {
    gate.enter(Priority::Bulk).now_or_never()
}

#[test]
fn there_are_as_many_places_as_were_made() {
    let gate = Gate::new(2);
    let (first, second) = (enters(&gate), enters(&gate));
    assert!(first.is_some() && second.is_some() && enters(&gate).is_none());
    drop(first);
    let third = enters(&gate);
    assert!(third.is_some() && enters(&gate).is_none());
    drop((second, third));
    assert_eq!(gate.state().taken, 0);
}

#[test]
fn the_more_urgent_go_first_and_then_those_who_came_first() {
    let gate = Gate::new(1);
    let mut place = enters(&gate);
    let order = [
        Priority::Bulk,
        Priority::Low,
        Priority::Normal,
        Priority::High,
        Priority::Low,
        Priority::High,
    ];
    let mut waiting: Vec<_> = order
        .iter()
        .map(|priority| Some(Box::pin(gate.enter(*priority))))
        .collect();
    for one in waiting.iter_mut().flatten() {
        assert!(one.now_or_never().is_none());
    }
    for wanted in [3, 5, 2, 1, 4, 0] {
        drop(place.take());
        for (at, one) in waiting.iter_mut().enumerate() {
            let Some(given) = one.as_mut().and_then(FutureExt::now_or_never) else {
                continue;
            };
            assert!(place.is_none(), "two have the place");
            assert_eq!(at, wanted);
            place = Some(given);
            *one = None;
        }
        assert!(place.is_some());
    }
}

#[test]
fn one_who_no_longer_waits_takes_no_place() {
    let gate = Gate::new(1);
    let place = enters(&gate);
    let (mut gone, mut next) = (
        Box::pin(gate.enter(Priority::High)),
        Box::pin(gate.enter(Priority::Low)),
    );
    assert!((&mut gone).now_or_never().is_none() && (&mut next).now_or_never().is_none());
    drop(gone);
    drop(place);
    assert!((&mut next).now_or_never().is_some());
    assert!(enters(&gate).is_some());
}

#[test]
fn one_who_leaves_just_when_it_is_given_a_place_gives_it_on() {
    let gate = Gate::new(1);
    let place = enters(&gate);
    let (mut gone, mut next) = (
        Box::pin(gate.enter(Priority::High)),
        Box::pin(gate.enter(Priority::Low)),
    );
    assert!((&mut gone).now_or_never().is_none() && (&mut next).now_or_never().is_none());
    drop(place);
    // It is on its way to the first, who does not take it.
    assert!((&mut next).now_or_never().is_none());
    drop(gone);
    let given = (&mut next).now_or_never();
    assert!(given.is_some() && enters(&gate).is_none());
    drop(given);
    assert_eq!(gate.state().taken, 0);
}

#[test]
fn one_who_becomes_more_urgent_moves_up() {
    let gate = Gate::new(1);
    let place = enters(&gate);
    let (mut first, mut second) = (gate.line_up(Priority::Low), gate.line_up(Priority::Bulk));
    second.hurry(Priority::Normal);
    second.hurry(Priority::Low);
    drop(place);
    assert!(first.place().now_or_never().is_none());
    let given = second.place().now_or_never();
    assert!(given.is_some());
    drop(given);
    assert!(first.place().now_or_never().is_some());
}

#[test]
fn one_who_moves_up_keeps_the_place_that_was_on_its_way() {
    let gate = Gate::new(1);
    let place = enters(&gate);
    let mut turn = gate.line_up(Priority::Bulk);
    drop(place);
    let mut other = gate.line_up(Priority::Low);
    turn.hurry(Priority::High);
    assert!(other.place().now_or_never().is_none());
    assert!(turn.place().now_or_never().is_some());
}

#[test]
fn those_who_left_a_line_do_not_fill_it() {
    let gate = Gate::new(1);
    let _place = enters(&gate);
    for _ in 0..100 {
        drop(gate.line_up(Priority::Bulk));
    }
    assert!(gate.state().waiting[Priority::Bulk as usize].len() <= 1);
}

#[test]
fn places_may_become_fewer_and_more() {
    let gate = Gate::new(2);
    let (first, second) = (enters(&gate), enters(&gate));
    assert!(gate.is_full());
    gate.resize(1);
    drop(first);
    assert!(gate.is_full() && enters(&gate).is_none());
    let mut waiting = [Priority::Low, Priority::High].map(|priority| gate.line_up(priority));
    gate.resize(2);
    assert!(waiting[1].place().now_or_never().is_some());
    assert!(waiting[0].place().now_or_never().is_some());
    drop(second);
    assert_eq!(gate.state().taken, 0);
}

const TEN_A_SECOND: Rate = Rate {
    count: 10,
    per: Duration::from_secs(1),
};

#[tokio::test(start_paused = true)]
async fn a_rate_lets_through_so_many_whatever_the_places() {
    let gate = Gate::with_rate(100, Some(TEN_A_SECOND));
    let start = Instant::now();
    for _ in 0..31 {
        let mut place = gate.enter(Priority::Normal).await;
        assert_eq!(place.spend(1), 1);
    }
    let took = start.elapsed();
    assert!((3_000..3_100).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_next_token_goes_to_the_most_urgent() {
    let gate = Gate::with_rate(2, Some(TEN_A_SECOND));
    let first = gate.enter(Priority::Low).await;
    let order = Mutex::new(Vec::new());
    let wait = async |priority| {
        let mut place = gate.enter(priority).await;
        place.spend(1);
        order.lock().unwrap().push(priority);
    };
    let spend = async {
        let mut first = first;
        // The others wait already, and think that there is a token.
        tokio::task::yield_now().await;
        assert_eq!(first.spend(100), 1);
    };
    tokio::join!(wait(Priority::Bulk), wait(Priority::Low), wait(Priority::High), spend);
    assert_eq!(*order.lock().unwrap(), [Priority::High, Priority::Low, Priority::Bulk]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_takes_what_tokens_there_are_and_gives_back_what_it_does_not_need() {
    let gate = Gate::with_rate(2, Some(TEN_A_SECOND));
    tokio::time::sleep(Duration::from_millis(450)).await;
    let mut place = gate.enter(Priority::Normal).await;
    assert_eq!(place.spend(100), 5);
    place.put_back(2);
    drop(place);
    let mut place = gate.enter(Priority::Normal).await;
    assert_eq!(place.spend(100), 2);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_not_used_keeps_no_token() {
    let gate = Gate::with_rate(1, Some(TEN_A_SECOND));
    drop(gate.enter(Priority::Normal).await);
    // On its way to one who leaves.
    drop(gate.line_up(Priority::Normal));
    let mut place = enters(&gate).unwrap();
    assert_eq!(place.spend(1), 1);
    drop(place);
    assert!(enters(&gate).is_none());
}

#[tokio::test(start_paused = true)]
async fn one_who_waits_for_a_place_and_then_for_a_token_is_woken() {
    let gate = Gate::with_rate(1, Some(TEN_A_SECOND));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut place = gate.enter(Priority::Normal).await;
    let spend = async {
        tokio::task::yield_now().await;
        assert_eq!(place.spend(10), 10);
        tokio::task::yield_now().await;
        drop(place);
    };
    let start = Instant::now();
    let (_second, ()) = tokio::join!(gate.enter(Priority::Normal), spend);
    assert_eq!(start.elapsed(), Duration::from_millis(100));
}
