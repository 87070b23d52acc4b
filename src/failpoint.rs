//! Named points in the code at which a test can interfere, through the `FAILPOINTS` variable of the `fail` crate:
//! `FAILPOINTS="settle-before-commit=3*off->return"` dies at the fourth settlement. Empty without the feature.

/// Reads `FAILPOINTS`, once, before anything passes a point.
pub fn arm() {
    // Its end would disarm them.
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}

/// Ends this process here as `kill -9` does, if a test says so: nothing is flushed, closed or said.
pub fn die_at(name: &'static str) {
    fail::fail_point!(name, |_| die());
    // Without the feature nothing reads it.
    let _ = name;
}

/// Whether a test has switched off the guard of this name, to show what it is good for.
pub fn is_off(name: &'static str) -> bool {
    fail::fail_point!(name, |_| true);
    let _ = name;
    false
}

#[cfg(feature = "failpoints")]
fn die() {
    let me = rustix::process::getpid();
    rustix::process::kill_process(me, rustix::process::Signal::KILL).expect("a process may kill itself");
    loop {
        std::thread::park();
    }
}
