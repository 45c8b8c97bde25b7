//! The terminal: taken over for the table, and given back as it was however the command ends.

use std::{
    io::{self, BufWriter, Stdout, Write as _},
    panic, thread,
};

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    execute, queue,
    style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor},
    terminal::{
        self, BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap,
        EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    },
};
use tokio::sync::mpsc;

use super::render::{Line, Size, Tone};

/// What somebody at the terminal wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    End,
    Redraw,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

/// Keys that wait to be heeded; who presses more waits.
const KEYS_MAX: usize = 16;

/// The terminal, while it shows the table.
pub(super) struct Screen {
    out: BufWriter<Stdout>,
    has_colours: bool,
}

impl Screen {
    /// Takes the terminal over.
    pub(super) fn open(has_colours: bool) -> io::Result<Self> {
        // The process ends at a panic, and what is told of it belongs on the terminal as it was.
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore();
            tell(panic);
        }));
        terminal::enable_raw_mode()?;
        let screen = Self { out: BufWriter::new(io::stdout()), has_colours };
        execute!(io::stdout(), EnterAlternateScreen, Hide, DisableLineWrap)?;
        Ok(screen)
    }

    /// How large it is.
    pub(super) fn size() -> Size {
        let (width, height) = terminal::size().unwrap_or((80, 24));
        Size { width: width.into(), height: height.into() }
    }

    /// Shows these lines, and nothing else.
    pub(super) fn draw(&mut self, lines: &[Line]) -> io::Result<()> {
        queue!(self.out, BeginSynchronizedUpdate)?;
        for (row, line) in (0..).zip(lines) {
            queue!(self.out, MoveTo(0, row))?;
            for (tone, text) in line {
                self.piece(*tone, text)?;
            }
            queue!(self.out, Clear(ClearType::UntilNewLine))?;
        }
        let below = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        if usize::from(below) < Self::size().height {
            queue!(self.out, MoveTo(0, below), Clear(ClearType::FromCursorDown))?;
        }
        queue!(self.out, EndSynchronizedUpdate)?;
        self.out.flush()
    }

    fn piece(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        if !self.has_colours {
            return queue!(self.out, Print(text));
        }
        match tone {
            Tone::Plain => queue!(self.out, Print(text)),
            Tone::Up => queue!(self.out, SetForegroundColor(Color::Green), Print(text), ResetColor),
            Tone::Down => queue!(self.out, SetForegroundColor(Color::Red), Print(text), ResetColor),
            Tone::Heading => {
                queue!(self.out, SetAttribute(Attribute::Bold), Print(text), SetAttribute(Attribute::Reset))
            }
            Tone::Faint => {
                queue!(self.out, SetAttribute(Attribute::Dim), Print(text), SetAttribute(Attribute::Reset))
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back. If that fails there is nobody to tell.
fn restore() {
    let _ = execute!(io::stdout(), EnableLineWrap, Show, LeaveAlternateScreen);
    let _ = terminal::disable_raw_mode();
}

/// Reads keys on a thread of its own, which ends with the process: a read of the terminal can't be given up.
pub(super) fn keys() -> io::Result<mpsc::Receiver<Key>> {
    let (sender, keys) = mpsc::channel(KEYS_MAX);
    thread::Builder::new().name("keys".to_owned()).spawn(move || {
        while let Ok(event) = event::read() {
            if let Some(key) = meaning(&event)
                && sender.blocking_send(key).is_err()
            {
                return;
            }
        }
    })?;
    Ok(keys)
}

fn meaning(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent { code, modifiers, kind, .. }) = event else {
        return matches!(event, Event::Resize(..)).then_some(Key::Redraw);
    };
    if *kind == KeyEventKind::Release {
        return None;
    }
    let is_control = modifiers.contains(KeyModifiers::CONTROL);
    Some(match code {
        KeyCode::Char('c' | 'd') if is_control => Key::End,
        KeyCode::Char('q') | KeyCode::Esc => Key::End,
        KeyCode::Up | KeyCode::Char('k') => Key::Up,
        KeyCode::Down | KeyCode::Char('j') => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown | KeyCode::Char(' ') => Key::PageDown,
        KeyCode::Home => Key::First,
        KeyCode::End => Key::Last,
        _ => return None,
    })
}
