//! The canonical form of a JSON text, and its hash.
//!
//! Two texts have the same digest when they are equal as JSON values: white space, the order of an object's members
//! and the spelling of numbers and strings don't count. Numbers are compared exactly, never as floating point, and
//! never written out: `1e1000000000` costs as much as `1`.
//!
//! ```text
//! {"b": 3.50, "a": "\u00e9"}  ─▶  members as bytes that only equal values share  ─▶  sorted  ─▶  XXH3-128
//! ```
//!
//! One pass over the text with a stack of its own, so that no depth of nesting overflows the thread's. An object is
//! replaced by its hash as soon as it is closed, so no byte is moved more often than once per sorted object.
//!
//! What each value becomes. Each form tells where it ends, so different values never run into the same bytes:
//!
//! | value | bytes |
//! | --- | --- |
//! | `null`, `true`, `false` | `n`, `t`, `f` |
//! | number | `#`, the number in its one spelling (see [`number`]), `;` |
//! | string | `"`, length (8 bytes), the unescaped text; a lone surrogate as the three bytes it would have in UTF-8 |
//! | array | `[`, elements, `]` |
//! | object | `{`, hash of its members (16 bytes), sorted by name; members with the same name in the order of the text |
//!
//! What a sync ignores is read and then taken out again, so its digest is that of a document without it.
//!
//! Not promised: that two numbers whose exponents have more than 36 digits are recognised as equal when they are
//! spelled differently. They are then taken to be different, which costs a delivery and loses nothing.

mod ignored;
mod number;
mod text;

use std::cell::RefCell;
use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

pub use ignored::Ignored;
use ignored::Way;
use text::Text;

/// The hash of a canonical document.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 16]);

impl Digest {
    /// What stands for "no document", where a sink has accepted a delete.
    pub const GONE: Digest = Digest([0; 16]);

    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// XXH3-128, big-endian.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The text is no JSON. Says where, and never what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the document is not valid JSON: {wanted} expected at byte {at}")]
pub struct NotJson {
    pub at: usize,
    pub wanted: &'static str,
}

/// The digest of a JSON text without what is ignored.
pub fn digest(document: &str, ignored: &Ignored) -> Result<Digest, NotJson> {
    SCRATCH.with_borrow_mut(|scratch| {
        let digest = scratch.digest(document, ignored);
        scratch.shrink();
        digest
    })
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Most bytes that a thread keeps in each buffer from one document to the next.
const KEPT_BYTES: usize = 1 << 20;

/// Buffers that outlive a document, so that an ordinary one is hashed without allocating.
#[derive(Default)]
struct Scratch {
    /// The canonical bytes so far.
    out: Vec<u8>,
    /// Members of the objects that are open, outermost first.
    members: Vec<Member>,
    /// Arrays and objects that are open.
    open: Vec<Open>,
    /// Where the members of one object are put in order.
    sorted: Vec<u8>,
}

/// A member of an open object, as positions in [`Scratch::out`].
#[derive(Clone, Copy)]
struct Member {
    start: usize,
    /// Where the name ends and the value starts.
    value: usize,
    /// Unknown until the value has ended.
    end: usize,
    way: Way,
}

enum Open {
    Array {
        way: Way,
        /// Of the present element.
        index: usize,
        /// Where in [`Scratch::out`] it starts.
        element: usize,
    },
    Object {
        way: Way,
        /// Where in [`Scratch::out`] its first member starts.
        start: usize,
        /// Where in [`Scratch::members`] its own begin.
        members: usize,
    },
}

impl Scratch {
    fn digest(&mut self, document: &str, ignored: &Ignored) -> Result<Digest, NotJson> {
        self.out.clear();
        self.members.clear();
        self.open.clear();
        let mut text = Text::new(document);
        let mut way = ignored.document();
        loop {
            // A value starts here. If it is an array or object with something in it, its first value follows.
            if self.start_value(&mut text, way)? {
                way = self.enter(&mut text, ignored)?;
                continue;
            }
            // A value has ended: close whatever ends with it, up to the next comma.
            loop {
                match self.open.last_mut() {
                    None => {
                        text.end()?;
                        return Ok(Digest(xxh3_128(&self.out).to_be_bytes()));
                    }
                    Some(Open::Array {
                        way: of,
                        index,
                        element,
                    }) => {
                        if ignored.element(*of, *index) == Way::Ignored {
                            self.out.truncate(*element);
                        }
                        if text.comma_or(b']', "`,` or `]`")? {
                            (*index, *element) = (*index + 1, self.out.len());
                            way = ignored.element(*of, *index);
                            break;
                        }
                        self.out.push(b']');
                        self.open.pop();
                    }
                    Some(&mut Open::Object {
                        way: of,
                        start,
                        members,
                    }) => {
                        self.close_member();
                        if text.comma_or(b'}', "`,` or `}`")? {
                            way = self.name(&mut text, of, ignored)?;
                            break;
                        }
                        self.close_object(start, members);
                        self.open.pop();
                    }
                }
            }
        }
    }

    /// What there is to say of the first value in what has just been opened; reads its name, if it has one.
    fn enter(&mut self, text: &mut Text<'_>, ignored: &Ignored) -> Result<Way, NotJson> {
        match self.open.last() {
            Some(&Open::Object { way, .. }) => self.name(text, way, ignored),
            Some(&Open::Array { way, .. }) => Ok(ignored.element(way, 0)),
            None => Ok(Way::Counts),
        }
    }

    /// Reads a value, or only its start if it is an array or object that isn't empty: then `true`.
    fn start_value(&mut self, text: &mut Text<'_>, way: Way) -> Result<bool, NotJson> {
        match text.next_token() {
            Some(b'"') => text.string(&mut self.out)?,
            Some(b'-' | b'0'..=b'9') => number::canonical(text, &mut self.out)?,
            Some(b'{') => {
                text.skip_byte();
                self.out.push(b'{');
                let (start, members) = (self.out.len(), self.members.len());
                if text.take(b'}') {
                    self.close_object(start, members);
                } else {
                    self.open.push(Open::Object { way, start, members });
                    return Ok(true);
                }
            }
            Some(b'[') => {
                text.skip_byte();
                self.out.push(b'[');
                if text.take(b']') {
                    self.out.push(b']');
                } else {
                    let element = self.out.len();
                    self.open.push(Open::Array { way, index: 0, element });
                    return Ok(true);
                }
            }
            Some(b't') => self.word(text, "true")?,
            Some(b'f') => self.word(text, "false")?,
            Some(b'n') => self.word(text, "null")?,
            _ => return Err(text.wanted("a value")),
        }
        Ok(false)
    }

    fn word(&mut self, text: &mut Text<'_>, word: &'static str) -> Result<(), NotJson> {
        text.word(word)?;
        self.out.extend_from_slice(&word.as_bytes()[..1]);
        Ok(())
    }

    /// Reads `"name":`, a member of an object that is `of`.
    fn name(&mut self, text: &mut Text<'_>, of: Way, ignored: &Ignored) -> Result<Way, NotJson> {
        let start = self.out.len();
        if text.next_token() != Some(b'"') {
            return Err(text.wanted("the name of a member"));
        }
        text.string(&mut self.out)?;
        if !text.take(b':') {
            return Err(text.wanted("`:`"));
        }
        let value = self.out.len();
        let way = ignored.member(of, self.out.get(start + text::NAME_OFFSET..).unwrap_or_default());
        self.members.push(Member {
            start,
            value,
            end: value,
            way,
        });
        Ok(way)
    }

    /// The value of the last member has ended.
    fn close_member(&mut self) {
        let Some(member) = self.members.last_mut() else { return };
        member.end = self.out.len();
        if member.way == Way::Ignored {
            self.out.truncate(member.start);
            self.members.pop();
        }
    }

    /// Replaces an object's members by their hash.
    fn close_object(&mut self, start: usize, members: usize) {
        let out = &self.out;
        // The length of a name stands before its text, so shorter names come first. That is the order in which
        // `jsonb` keeps members: its documents need no sorting. The position keeps equal names in their order.
        let in_order = |a: &Member, b: &Member| {
            let (name_a, name_b) = (&out[a.start..a.value], &out[b.start..b.value]);
            (name_a.len(), name_a, a.start).cmp(&(name_b.len(), name_b, b.start))
        };
        let own = &mut self.members[members..];
        let hash = if own.is_sorted_by(|a, b| in_order(a, b).is_le()) {
            xxh3_128(&out[start..])
        } else {
            own.sort_unstable_by(in_order);
            self.sorted.clear();
            for member in own {
                self.sorted.extend_from_slice(&out[member.start..member.end]);
            }
            xxh3_128(&self.sorted)
        };
        self.out.truncate(start);
        self.out.extend_from_slice(&hash.to_be_bytes());
        self.members.truncate(members);
    }

    /// Gives back what one big document needed, so that it doesn't stay with every thread that ever saw one.
    fn shrink(&mut self) {
        if self.out.capacity() > KEPT_BYTES || self.sorted.capacity() > KEPT_BYTES {
            self.out = Vec::new();
            self.sorted = Vec::new();
        }
        if self.members.capacity() > KEPT_BYTES / size_of::<Member>()
            || self.open.capacity() > KEPT_BYTES / size_of::<Open>()
        {
            self.members = Vec::new();
            self.open = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests;
