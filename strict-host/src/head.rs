//! Headers as a host keeps them, and what becomes of those that are removed.

/// How the host removes a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Gone,
    /// It is shown no more, and sent all the same. Further lines of a name that is set too.
    Hidden,
    /// Nothing happens.
    Nothing,
}

/// Name and value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

#[derive(Debug, Clone)]
struct Line {
    name: Vec<u8>,
    value: Vec<u8>,
    hidden: bool,
}

/// The headers of a message, in their order.
#[derive(Debug, Clone, Default)]
pub struct Head {
    lines: Vec<Line>,
}

impl Head {
    /// A head of these pairs.
    pub fn new(pairs: impl IntoIterator<Item = Pair>) -> Self {
        let line = |(name, value)| Line { name, value, hidden: false };
        Self { lines: pairs.into_iter().map(line).collect() }
    }

    /// Reads the pairs that a filter wrote; `None` where they are none.
    pub(crate) fn read(bytes: &[u8]) -> Option<Vec<Pair>> {
        let number =
            |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize);
        let count = number(0)?;
        let mut at = 4 + 8 * count;
        let mut pairs = Vec::new();
        for pair in 0..count {
            let mut text = |size: usize| {
                let text = bytes.get(at..at + size)?.to_vec();
                (bytes.get(at + size)? == &0).then_some(())?;
                at += size + 1;
                Some(text)
            };
            pairs.push((text(number(4 + 8 * pair)?)?, text(number(8 + 8 * pair)?)?));
        }
        (at == bytes.len()).then_some(pairs)
    }

    /// The pairs as a filter reads them.
    pub(crate) fn write(&self) -> Vec<u8> {
        let shown = || self.lines.iter().filter(|line| !line.hidden);
        let size = |size: usize| u32::try_from(size).unwrap().to_le_bytes();
        let mut bytes = size(shown().count()).to_vec();
        for line in shown() {
            bytes.extend(size(line.name.len()));
            bytes.extend(size(line.value.len()));
        }
        for line in shown() {
            bytes.extend([&line.name[..], b"\0", &line.value, b"\0"].concat());
        }
        bytes
    }

    /// The values that go out under `name`, hidden or not.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = |line: &&Line| line.name.eq_ignore_ascii_case(name.as_bytes());
        let named = self.lines.iter().filter(named);
        named.map(|line| std::str::from_utf8(&line.value).unwrap()).collect()
    }

    /// Leaves out all lines of this name but the last ones.
    pub(crate) fn keep_last(&mut self, name: &str, count: usize) {
        let mut surplus = self.all(name).len().saturating_sub(count);
        self.lines.retain(|line| {
            let goes = surplus > 0 && line.name.eq_ignore_ascii_case(name.as_bytes());
            surplus -= usize::from(goes);
            !goes
        });
    }

    pub(crate) fn add(&mut self, name: &[u8], value: &[u8]) {
        self.lines.push(Line { name: name.to_vec(), value: value.to_vec(), hidden: false });
    }

    pub(crate) fn remove(&mut self, name: &[u8], removal: Removal) {
        let named = |line: &Line| line.name.eq_ignore_ascii_case(name);
        match removal {
            Removal::Gone => self.lines.retain(|line| !named(line)),
            Removal::Hidden => {
                self.lines
                    .iter_mut()
                    .filter(|line| named(line))
                    .for_each(|line| line.hidden = true);
            }
            Removal::Nothing => {}
        }
    }

    pub(crate) fn set(&mut self, name: &[u8], value: &[u8], removal: Removal) {
        let named = |line: &&mut Line| !line.hidden && line.name.eq_ignore_ascii_case(name);
        if removal == Removal::Gone {
            self.remove(name, removal);
        }
        let mut lines = self.lines.iter_mut().filter(named);
        match lines.next() {
            Some(first) => first.value = value.to_vec(),
            None => return self.add(name, value),
        }
        lines.for_each(|line| line.hidden = true);
    }
}
