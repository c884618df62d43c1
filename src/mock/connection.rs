//! One connection: request after request, each answered by a script.

use std::mem::take;
use std::rc::Rc;

use tokio::net::TcpStream;
use tokio::sync::SemaphorePermit;

use super::draw::Draw;
use super::house::House;
use super::kinds::Reply;
use super::log::{Entry, Record};
use super::outlet::Left;
use super::perform::{self, Performance};
use super::request::{Came, Reader, Request, Wrong};
use super::router::{self, Answer};
use super::script::{End, Framing, Script};
use super::{clock, socket};

/// Serves a connection until either side ends it.
pub(super) async fn serve(house: Rc<House>, mut stream: TcpStream, number: u64) {
    let habits = house.kind().habits();
    let mut idle = house.settings.idle_close.or(habits.idle_close);
    let (mut reader, accepted) = (Reader::new(), clock::now());
    for count in 1.. {
        let mut request = match reader.next(&stream, idle).await {
            Ok(Some(request)) => request,
            Ok(None) => return socket::finish(stream).await,
            Err(Wrong::Gone) => return,
            Err(Wrong::Refuse(status, why)) => return refuse(&house, stream, status, why).await,
        };
        let (mut entry, answer) = receive(&house, &mut request, (number, count, accepted));
        let Answer { mut script, draw, idle_close } = answer;
        idle = idle_close.or(idle);
        let last = habits.requests_per_connection.is_some_and(|limit| count >= limit);
        let goes_on = request.keep_alive && !last;
        script.head.announce_close |= !request.keep_alive || (script.framing == Framing::UntilClose && !request.old);
        keep_an_old_client(&request, &mut script);
        match play(&house, &stream, &mut entry, &script, (draw, request.came)).await {
            Ok(()) => match perform::end(&script, stream, goes_on, &mut entry).await {
                Some(same) => stream = same,
                None => return,
            },
            Err(Left) => {
                entry.record.ended = "client_left";
                return;
            }
        }
    }
}

/// An HTTP/1.0 client goes on only if it is told that it may.
fn keep_an_old_client(request: &Request, script: &mut Script) {
    if request.old && request.keep_alive && script.end == End::KeepAlive {
        script.head.lines.extend_from_slice(b"connection: keep-alive\r\n");
    }
}

fn receive(house: &House, request: &mut Request, (number, count, accepted): (u64, u64, u64)) -> (Entry, Answer) {
    let Came { first_byte, first_byte_kernel, complete } = request.came;
    let record = Record {
        connection: number,
        request: count,
        accept_ns: accepted,
        first_byte_ns: first_byte,
        first_byte_kernel_ns: first_byte_kernel,
        read_ns: complete,
        ..Record::default()
    };
    let mut entry = Entry::new(record, house.log.clone());
    let answer = router::answer(house, request, &mut entry.record);
    // Nobody else asks for them any more.
    (entry.record.method, entry.record.path) = (take(&mut request.method), take(&mut request.path));
    (entry, answer)
}

async fn play(
    house: &House,
    stream: &TcpStream,
    entry: &mut Entry,
    script: &Script,
    (draw, came): (Draw, Came),
) -> Result<(), Left> {
    let (slot, start) = match &house.slots {
        Some(slots) if script.served => slot(slots, stream, came.complete).await?,
        _ => (None, came.complete),
    };
    if script.served {
        entry.record.service_ns = Some(start);
    }
    Performance::new(house, stream, entry, script, (draw, slot, start)).play().await
}

/// Waits in the queue; a client that leaves it frees its place.
async fn slot<'a>(
    slots: &'a tokio::sync::Semaphore,
    stream: &TcpStream,
    complete: u64,
) -> Result<(Option<SemaphorePermit<'a>>, u64), Left> {
    if let Ok(permit) = slots.try_acquire() {
        return Ok((Some(permit), complete));
    }
    tokio::select! {
        permit = slots.acquire() => Ok((permit.ok(), clock::now())),
        () = socket::gone(stream) => Err(Left),
    }
}

async fn refuse(house: &House, stream: TcpStream, status: u16, why: &'static str) {
    let script = Script::reply(house.kind(), Reply::text(status, why));
    let mut entry = Entry::new(Record::default(), None);
    let draw = Draw::new(&house.settings, 0);
    if play(house, &stream, &mut entry, &script, (draw, Came::default())).await.is_ok() {
        socket::finish(stream).await;
    }
}
