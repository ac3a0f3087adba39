//! Tests of sockets: what is held, what is counted, and what is closed.
use super::*;
use crate::intake::testing::Memory;
use tokio::io::AsyncWriteExt;

fn door(sink: &Arc<Memory>) -> Door {
    Door::new(Arc::clone(sink) as Arc<dyn Sink>, Some("fw".into()))
}

fn stopper() -> (watch::Sender<bool>, watch::Receiver<bool>) {
    watch::channel(false)
}

async fn plain(stream: TcpStream) -> io::Result<TcpStream> {
    Ok(stream)
}

/// Waits until `done`, which other tasks bring about.
async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_is_cut_and_handed_in() {
    let sink = Arc::new(Memory::default());
    let door = door(&sink);
    let (_keep, mut stop) = stopper();
    stream(&b"<34>one\n7 <34>two30 <34>cut"[..], "10.0.0.1", &door, &mut stop).await;
    assert_eq!(sink.texts(), ["<34>one", "<34>two"]);
    assert_eq!(sink.taken()[0].0.as_deref(), Some("fw"));
    assert_eq!(sink.taken()[0].1, "10.0.0.1");
    assert_eq!(sink.faults()[0].code, "truncated");
    assert_eq!(door.counters.received.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_held_and_comes_again() {
    let sink = Arc::new(Memory::refusing(3));
    let door = door(&sink);
    let (_keep, mut stop) = stopper();
    stream(&b"<34>one\n<34>two\n"[..], "10.0.0.1", &door, &mut stop).await;
    assert_eq!(sink.texts(), ["<34>one", "<34>two"]);
    assert_eq!(door.counters.held.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_records_are_held() {
    let sink = Arc::new(Memory::refusing(usize::MAX));
    let door = door(&sink);
    let (stop, mut stopped) = stopper();
    let (mut client, server) = tokio::io::duplex(64);
    let counters = Arc::clone(&door.counters);
    let task = tokio::spawn(async move { stream(server, "10.0.0.1", &door, &mut stopped).await });
    client.write_all(b"<34>one\n").await.unwrap();
    until(|| counters.held.load(Ordering::Relaxed) > 0).await;
    let full = tokio::time::timeout(Duration::from_secs(3600), client.write_all(&[b'x'; 4096])).await;
    assert!(full.is_err(), "the sender waits");
    stop.send(true).unwrap();
    task.await.unwrap();
    assert_eq!(counters.lost.load(Ordering::Relaxed), 1);
    assert_eq!(sink.faults()[0].code, "lost");
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed() {
    let sink = Arc::new(Memory::default());
    let door = door(&sink);
    let (_keep, mut stop) = stopper();
    let (mut client, server) = tokio::io::duplex(64);
    client.write_all(b"<34>half a message").await.unwrap();
    stream(server, "10.0.0.1", &door, &mut stop).await;
    assert_eq!(door.counters.idle.load(Ordering::Relaxed), 1);
    assert_eq!(sink.texts(), ["<34>half a message"]);
}

#[tokio::test]
async fn connections_over_the_limit_are_turned_away() {
    let sink = Arc::new(Memory::default());
    let mut door = door(&sink);
    door.settings.connections_max = 1;
    let counters = Arc::clone(&door.counters);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = stopper();
    let task = tokio::spawn(tcp(listener, door, plain, stopped));
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(b"<34>one\n").await.unwrap();
    until(|| !sink.texts().is_empty()).await;
    let mut second = TcpStream::connect(address).await.unwrap();
    assert_eq!(second.read(&mut [0; 1]).await.unwrap_or(0), 0, "it is closed");
    assert_eq!(counters.turned_away.load(Ordering::Relaxed), 1);
    drop(first);
    stop.send(true).unwrap();
    task.await.unwrap().unwrap();
    assert_eq!(sink.texts(), ["<34>one"]);
}

#[tokio::test]
async fn a_connection_that_does_not_open_is_told() {
    let sink = Arc::new(Memory::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = stopper();
    let refuse = |_: TcpStream| async { Err::<TcpStream, _>(io::Error::other("no certificate")) };
    let task = tokio::spawn(tcp(listener, door(&sink), refuse, stopped));
    let _client = TcpStream::connect(address).await.unwrap();
    until(|| !sink.faults().is_empty()).await;
    assert_eq!(sink.faults()[0].code, "not-opened");
    stop.send(true).unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn datagrams_are_taken() {
    let sink = Arc::new(Memory::default());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = stopper();
    let task = tokio::spawn(udp(socket, door(&sink), stopped));
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for message in ["<34>one\nstill one\n", "<34>two", "\n"] {
        client.send_to(message.as_bytes(), address).await.unwrap();
    }
    until(|| sink.texts().len() == 2 && !sink.faults().is_empty()).await;
    stop.send(true).unwrap();
    task.await.unwrap().unwrap();
    assert_eq!(sink.texts(), ["<34>one\nstill one", "<34>two"]);
    assert_eq!((sink.taken()[0].1.as_str(), sink.faults()[0].code), ("127.0.0.1", "empty"));
}

#[tokio::test]
async fn datagrams_without_room_are_counted_and_told() {
    let sink = Arc::new(Memory::refusing(usize::MAX));
    let mut door = door(&sink);
    (door.settings.queue_datagrams_max, door.settings.batch_records_max) = (1, 1);
    let counters = Arc::clone(&door.counters);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = stopper();
    let task = tokio::spawn(udp(socket, door, stopped));
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.send_to(b"<34>first", address).await.unwrap();
    until(|| counters.held.load(Ordering::Relaxed) > 0).await;
    for _ in 0..3 {
        client.send_to(b"<34>more", address).await.unwrap();
    }
    until(|| counters.refused.load(Ordering::Relaxed) == 2).await;
    stop.send(true).unwrap();
    task.await.unwrap().unwrap();
    let told: Vec<Fault> = sink.faults().into_iter().filter(|fault| fault.code == "over-capacity").collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].detail.starts_with("2 datagrams"));
    assert_eq!(counters.lost.load(Ordering::Relaxed), 2, "one held, one in the queue");
}

#[tokio::test]
async fn who_is_in_no_network_of_the_senders_is_not_heard() {
    let sink = Arc::new(Memory::default());
    let strict = door(&sink).only_from(vec!["10.1.0.0/16".parse().unwrap()]);
    let (listener, socket) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let (stream_to, datagrams_to) = (listener.local_addr().unwrap(), socket.local_addr().unwrap());
    let (stop, stopped) = stopper();
    let doors =
        [tokio::spawn(tcp(listener, strict.clone(), plain, stopped.clone())), tokio::spawn(udp(socket, strict.clone(), stopped))];
    let mut foreign = TcpStream::connect(stream_to).await.unwrap();
    // It may be closed already.
    let _ = foreign.write_all(b"<34>one\n").await;
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    sender.send_to(b"<34>two", datagrams_to).await.unwrap();
    until(|| strict.counters.strangers.load(Ordering::Relaxed) == 2).await;
    stop.send(true).unwrap();
    for door in doors {
        door.await.unwrap().unwrap();
    }
    assert_eq!((sink.texts().len(), sink.faults().len()), (0, 2));
    assert!(sink.faults().iter().all(|fault| fault.code == "stranger"));
}
