//! Finds the process at the other end of a connection on this machine, and kills it: a worker dies as it does when its machine is
//! lost, without a chance to say so.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

/// Kills the process whose end of a connection has this address. False if there is none.
pub(crate) fn kill_owner_of(address: SocketAddr) -> bool {
    let Some(pid) = owner_of(address) else { return false };
    kill_process(pid, Signal::KILL).is_ok()
}

fn owner_of(address: SocketAddr) -> Option<Pid> {
    let socket = format!("socket:[{}]", inode_of(address)?);
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let own = std::process::id();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let found = ids.filter(|id| *id != own).find(|id| has_open(*id, &socket))?;
    Pid::from_raw(i32::try_from(found).ok()?)
}

fn has_open(process: u32, socket: &str) -> bool {
    let Ok(files) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    files.flatten().any(|file| std::fs::read_link(file.path()).is_ok_and(|link| link == Path::new(socket)))
}

/// The kernel's table names an end as `0100007F:1F90`: the address as the machine's number, the port, both in hex.
fn inode_of(address: SocketAddr) -> Option<u64> {
    let SocketAddr::V4(address) = address else { return None };
    let wanted = format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let row = table.lines().find(|row| row.split_whitespace().nth(1) == Some(&wanted))?;
    row.split_whitespace().nth(9)?.parse().ok()
}

#[test]
fn whoever_holds_the_other_end_of_a_connection_is_killed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let hold = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; read -u 3");
    let mut holder = Command::new("bash").args(["-c", &hold]).spawn().unwrap();
    let (_connection, address) = listener.accept().unwrap();
    assert!(kill_owner_of(address));
    assert_eq!(holder.wait().unwrap().signal(), Some(9));
    assert!(!kill_owner_of(address), "it is dead already");
}
