//! Bodies that nobody should send, through every intake door: each is answered, in time, without a fault; and afterwards the
//! service takes an alert as before.

use super::Probes;
use super::world::World;
use adjutant_server::gate::Role;
use anyhow::{Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

/// Where alerts come in.
const DOORS: [&str; 9] = [
    "/v1/alerts",
    "/v1/alerts/okta",
    "/v1/alertmanager",
    "/services/collector/event",
    "/services/collector/raw",
    "/_bulk",
    "/logs/_bulk",
    "/logs/_doc",
    "/logs/_doc/7",
];

/// One field of ten megabytes.
const FIELD_BYTES: usize = 10 << 20;
/// Brackets that open and never close.
const BRACKETS: usize = 200_000;
/// What a bomb unpacks to.
const BOMB_BYTES: usize = 256 << 20;

/// Its name, the body, and how it says that it is packed.
type Body = (&'static str, Vec<u8>, Option<&'static str>);

pub(super) async fn all(world: &World, probes: &mut Probes) -> Result<()> {
    let token = world.token(Role::Source, None, None).await?.1;
    let bodies = bodies()?;
    for (nth, door) in DOORS.iter().enumerate() {
        for (name, body, encoding) in &bodies {
            let authorization = format!("Bearer {token}");
            let mut headers = vec![("authorization", authorization.as_str()), ("content-type", "application/json")];
            headers.extend(encoding.map(|encoding| ("content-encoding", encoding)));
            let (status, answer) = world.ask("POST", door, &headers, body.clone()).await?;
            let text = String::from_utf8_lossy(&answer).chars().take(200).collect::<String>();
            probes.expect(matches!(status, 200..=299 | 400..=499), || format!("{name} at {door}: {status} {text}"));
        }
        let good = format!("{{\"message\":\"still alive\",\"nth\":{nth}}}");
        let (status, _) = world.ask_as(&token, "POST", "/v1/alerts", good).await?;
        probes.expect(status == 200, || format!("an alert after hostile bodies at {door}: {status}"));
        let (ready, _) = world.ask("GET", "/readyz", &[], "").await?;
        probes.expect(ready == 200, || format!("readiness after {door}: {ready}"));
    }
    Ok(())
}

fn bodies() -> Result<Vec<Body>> {
    let record = br#"{"message":"hello","user":"ana"}"#;
    let nested = |open: &str| open.repeat(BRACKETS).into_bytes();
    let zeros = vec![b'0'; BOMB_BYTES];
    let packed = gzip(record)?;
    ensure!(packed.len() > 12, "a packed record is longer");
    let mut bodies: Vec<Body> = vec![
        ("nothing", Vec::new(), None),
        ("a field of ten megabytes", [b"{\"message\":\"", vec![b'x'; FIELD_BYTES].as_slice(), b"\"}"].concat(), None),
        ("a name of ten megabytes", [b"{\"", vec![b'x'; FIELD_BYTES].as_slice(), b"\":1}"].concat(), None),
        ("arrays without end", nested("["), None),
        ("objects without end", nested("{\"a\":"), None),
        ("arrays that end", [nested("["), nested("]")].concat(), None),
        ("no text", b"{\"message\":\"\xff\xfe\xc3\x28\"}".to_vec(), None),
        ("only bytes that are no text", vec![0xff; 4096], None),
        ("NUL", b"{\"message\":\"a\0b\"}\0\0".to_vec(), None),
        ("an escaped NUL", br#"{"message":"a\u0000b","user":"\u0000"}"#.to_vec(), None),
        ("half of a surrogate pair", br#"{"message":"\ud800","user":"\udfff\ud800"}"#.to_vec(), None),
        (
            "a number beyond all numbers",
            br#"{"message":"x","a":1e999,"b":-1e999,"c":1e-999,"d":99999999999999999999999999}"#.to_vec(),
            None,
        ),
        ("names that come twice", br#"{"message":"x","message":"y","user":"a","user":{"name":"b"}}"#.to_vec(), None),
        ("CRLF and a BOM", b"\xef\xbb\xbf{\"message\":\"x\"}\r\n\r\n{\"message\":\"y\"}\r\n".to_vec(), None),
        ("only CRLF", b"\r\n\r\n\r\n".to_vec(), None),
        ("UTF-16", "{\"message\":\"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect(), None),
        ("a record cut off", record[..20].to_vec(), None),
        ("many empty records", "{}\n".repeat(15_000).into_bytes(), None),
        ("too many records", "{}\n".repeat(30_000).into_bytes(), None),
        ("a scalar", b"true".to_vec(), None),
        ("null and numbers", b"[null,1,\"x\",[],{}]".to_vec(), None),
        ("a form", b"%7B%22a%22%3A1%7D=&x[]=%00".to_vec(), None),
        ("gzip cut off", packed[..packed.len() - 9].to_vec(), Some("gzip")),
        ("gzip that is none", b"this is no gzip".to_vec(), Some("gzip")),
        ("gzip in gzip", gzip(&packed)?, Some("gzip")),
        ("an unknown packing", record.to_vec(), Some("br")),
        ("several packings", packed, Some("gzip, gzip")),
        ("a gzip bomb", gzip(&zeros)?, Some("gzip")),
        ("a Zstandard bomb", zstd::bulk::compress(&zeros, 1)?, Some("zstd")),
        ("Zstandard that is none", b"\x28\xb5\x2f\xfd\xff\xff\xff\xff".to_vec(), Some("zstd")),
    ];
    // The same once more as bulk lines and as an event, which is where two doors look into them.
    bodies.push((
        "bulk lines that do not fit",
        b"{\"index\":{}}\n{\"delete\":{}}\n{\"index\":{\"_id\":\"\\u0000\"}}\n".to_vec(),
        None,
    ));
    bodies.push((
        "an event within events",
        br#"{"event":{"event":{"event":null}},"time":"1e999","fields":{"a":[[]]}}"#.to_vec(),
        None,
    ));
    Ok(bodies)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
