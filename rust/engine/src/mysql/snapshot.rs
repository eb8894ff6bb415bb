//! One consistent view on several sessions, without write access and with as little locking as the server allows.
//!
//! Each session opens its own InnoDB snapshot; the art is to open all at the same moment.
//!
//! - `MariaDB` with a binary log tells each snapshot's position in the log (`Binlog_snapshot_%`): snapshots are opened until
//!   all tell the same. No lock, no privilege; a server that never stops writing may not let it succeed.
//! - With the privileges for it, FLUSH TABLES WITH READ LOCK stops all writers while the snapshots are opened. It waits for
//!   statements that run, and once it has begun to wait, even in vain, everyone waits for them: so it is left alone while one
//!   runs for long, or where this user can't see whether one does.
//! - Otherwise one session reads alone, which is consistent by itself.
//!
//! Tables of engines without transactions (`MyISAM`) are read as they are at the time.

use std::time::Duration;

use crate::cancel::Cancel;
use crate::copy::patience::sleep;
use crate::error::{Error, Kind, Result};
use crate::plan::{Endpoint, Sizes};
use crate::session::{Session, together};
use crate::source::{Reader, Snapshot};

use super::connect::{Connection, Role};
use super::read::RowReader;

pub const BY_LOCK: &str = "flush tables with read lock";
pub const BY_POSITION: &str = "equal binlog positions";
pub const ALONE: &str = "single session";

/// On a busy server two snapshots milliseconds apart differ often, twenty pairs in a row hardly ever.
const ATTEMPTS: usize = 20;
/// Seconds to wait for the global lock: while we wait, everyone else's writes wait behind us.
const LOCK_WAIT: u32 = 10;
/// After which a statement shows with a time of a whole second.
const LOOK_AGAIN: Duration = Duration::from_millis(1100);

const OPEN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// Opens `sizes.workers` sessions on one view, or one session where the server allows no more.
pub fn snapshot(endpoint: &Endpoint, sizes: &Sizes, cancel: &Cancel) -> Result<Snapshot> {
    open(endpoint, sizes, cancel).map_err(|error| error.on(endpoint.engine))
}

fn open(endpoint: &Endpoint, sizes: &Sizes, cancel: &Cancel) -> Result<Snapshot> {
    let mut sessions = vec![session(endpoint, cancel)?];
    let before = log_position(&mut sessions[0])?;
    if sizes.workers > 1 {
        for opened in together(sizes.workers - 1, || session(endpoint, cancel)) {
            sessions.push(opened?);
        }
        if tells_positions(&mut sessions[0])? && meet(&mut sessions, cancel)? {
            return of(BY_POSITION, sessions, before, cancel);
        }
        if lock(endpoint, &mut sessions, cancel)? {
            return of(BY_LOCK, sessions, before, cancel);
        }
        sessions.truncate(1);
    }
    sessions[0].run("ROLLBACK")?;
    sessions[0].run(OPEN)?;
    of(ALONE, sessions, before, cancel)
}

/// Which way `snapshot` would take with more than one worker; takes no lock. Which of them succeeds in the end also depends on
/// the writes and locks of that moment.
pub fn snapshot_method(session: &mut dyn Session) -> Result<&'static str> {
    if tells_positions(session)? {
        return Ok(BY_POSITION);
    }
    if !sees_others(session)? {
        return Ok(ALONE);
    }
    // A flush of a table that doesn't exist needs the same privilege as the lock and does nothing else.
    match session.query("FLUSH NO_WRITE_TO_BINLOG TABLES `dbferry`.` no such table`") {
        Ok(_) => Ok(BY_LOCK),
        Err(error) => match error.kind() {
            Kind::Missing | Kind::Request => Ok(BY_LOCK),
            Kind::Permission | Kind::Auth => Ok(ALONE),
            _ => Err(error),
        },
    }
}

fn of(
    method: &str,
    mut sessions: Vec<Connection>,
    before: Option<String>,
    cancel: &Cancel,
) -> Result<Snapshot> {
    let token = match snapshot_position(&mut sessions[0])? {
        Some(position) => Some(position),
        // Without an exact one: where the log stood before and after, if that is the same.
        None => {
            let after = log_position(&mut sessions[0])?;
            before.filter(|before| after.as_ref() == Some(before))
        }
    };
    let readers = sessions
        .into_iter()
        .map(|connection| Box::new(RowReader::new(connection, cancel)) as Box<dyn Reader>);
    Ok(Snapshot { method: method.to_owned(), readers: readers.collect(), token, keeper: None })
}

/// The position in the log that an open snapshot of MariaDB has.
fn snapshot_position(session: &mut Connection) -> Result<Option<String>> {
    let rows = session.query("SHOW STATUS LIKE 'Binlog_snapshot_%'")?;
    let told = |name: &str| {
        rows.iter().find_map(|row| match row.as_slice() {
            [Some(known), Some(value)] if known.eq_ignore_ascii_case(name) => Some(value.clone()),
            _ => None,
        })
    };
    Ok(match (told("Binlog_snapshot_file"), told("Binlog_snapshot_position")) {
        (Some(file), Some(position)) if !file.is_empty() => Some(format!("{file}:{position}")),
        _ => None,
    })
}

/// Where the log stands now; nothing without a log, or without the right to ask.
fn log_position(session: &mut Connection) -> Result<Option<String>> {
    for statement in ["SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"] {
        match session.query(statement) {
            Ok(rows) => {
                return Ok(match rows.first().map(Vec::as_slice) {
                    Some([Some(file), Some(position), ..]) => Some(format!("{file}:{position}")),
                    _ => None,
                });
            }
            // Another version's words, or not for this user.
            Err(error) if !error.kind().retryable() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn session(endpoint: &Endpoint, cancel: &Cancel) -> Result<Connection> {
    let mut connection = Connection::open(endpoint, Role::Reader, cancel)?;
    connection.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
    Ok(connection)
}

fn tells_positions(session: &mut dyn Session) -> Result<bool> {
    let rows = session.query("SHOW STATUS LIKE 'Binlog_snapshot_file'")?;
    Ok(rows.iter().any(|row| matches!(row.as_slice(), [_, Some(file)] if !file.is_empty())))
}

/// Opens all snapshots until they tell the same position.
fn meet(sessions: &mut [Connection], cancel: &Cancel) -> Result<bool> {
    for _ in 0..ATTEMPTS {
        cancel.check()?;
        for session in &mut *sessions {
            session.run("ROLLBACK")?;
        }
        for session in &mut *sessions {
            session.run(OPEN)?;
        }
        let mut positions = Vec::new();
        for session in &mut *sessions {
            positions.push(session.query("SHOW STATUS LIKE 'Binlog_snapshot_%'")?);
        }
        if positions.windows(2).all(|pair| pair[0] == pair[1]) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Opens all snapshots while a session of its own holds the global lock; false when that isn't allowed or takes too long.
fn lock(endpoint: &Endpoint, sessions: &mut [Connection], cancel: &Cancel) -> Result<bool> {
    let mut coordinator = Connection::open(endpoint, Role::Reader, cancel)?;
    if !sees_others(&mut coordinator)? || !is_quiet(&mut coordinator, cancel)? {
        return Ok(false);
    }
    coordinator.run(&format!("SET SESSION lock_wait_timeout = {LOCK_WAIT}"))?;
    if let Err(error) = coordinator.run("FLUSH TABLES WITH READ LOCK") {
        return if falls_back(&error) { Ok(false) } else { Err(error) };
    }
    let opened = sessions.iter_mut().try_for_each(|session| {
        session.run("ROLLBACK")?;
        session.run(OPEN).map(drop)
    });
    coordinator.run("UNLOCK TABLES")?;
    opened.map(|()| true)
}

/// True when this user may see what others do.
fn sees_others(session: &mut dyn Session) -> Result<bool> {
    // It wants the privilege PROCESS, by which role or grant ever the user has it.
    match session.query("SELECT 1 FROM information_schema.innodb_trx LIMIT 1") {
        Ok(_) => Ok(true),
        Err(error) if error.kind().retryable() => Err(error),
        Err(_) => Ok(false),
    }
}

/// True when no statement of anybody has run for a second.
fn is_quiet(session: &mut Connection, cancel: &Cancel) -> Result<bool> {
    let own = session.id().to_string();
    for last in [false, true] {
        let rows = session.query("SHOW PROCESSLIST")?;
        let running = rows.iter().filter_map(|row| match row.as_slice() {
            // What a replica applies is no statement that the lock waits for.
            [Some(id), Some(user), _, _, Some(command), time, ..]
                if *id != own
                    && user != "system user"
                    && matches!(command.as_str(), "Query" | "Execute") =>
            {
                time.as_ref().map(|time| time != "0")
            }
            _ => None,
        });
        let running: Vec<bool> = running.collect();
        if running.contains(&true) {
            return Ok(false);
        }
        if last || running.is_empty() {
            break;
        }
        sleep(LOOK_AGAIN, cancel)?;
    }
    Ok(true)
}

/// Not allowed (managed servers answer with an access error), or the lock was not to be had.
fn falls_back(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Permission | Kind::Auth | Kind::Busy | Kind::Unsupported | Kind::Request
    )
}
