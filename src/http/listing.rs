//! A JSON array of what is known of symbols, written as fast as its reader takes it.
//!
//! Each symbol is looked up when its turn comes. So what an answer holds is a chunk and four bytes a
//! symbol (2 KB for 500, 400 KB for the 100,000 that there may be), however slowly it's read.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, MessageBody},
    http::Version,
};
use bytes::Bytes;

use crate::{
    actors::shard::ShardActor,
    last_value_cache::TopicId,
    publication::{Publication, Status},
};

/// How much is written at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// How one symbol is written.
type Write = fn(&Publication, &mut Vec<u8>);

/// The body of such an answer.
#[derive(Debug)]
struct Listing {
    shard: ShardActor,
    order: std::vec::IntoIter<TopicId>,
    write: Write,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// What stands before the array's elements is owed.
    Head(Vec<u8>),
    /// No element was written.
    First,
    Further,
    Ended,
}

/// Answers with `head`, which opens an object and the array, these symbols, and the end of both. Those
/// that are delisted when their turn comes are left out.
pub(super) fn answer(
    request: &HttpRequest,
    shard: &ShardActor,
    head: Vec<u8>,
    order: Vec<TopicId>,
    write: Write,
) -> HttpResponse {
    let body = Listing { shard: shard.clone(), order: order.into_iter(), write, stage: Stage::Head(head) };
    let is_old = request.version() < Version::HTTP_11;
    let mut response = HttpResponse::Ok();
    response.content_type("application/json");
    if is_old {
        // Its end is the connection's: HTTP/1.0 knows no chunks.
        response.force_close();
    }
    let mut response = response.body(body);
    response.head_mut().no_chunking(is_old);
    response
}

impl Listing {
    fn fill(&mut self, chunk: &mut Vec<u8>) {
        if let Stage::Head(head) = &mut self.stage {
            chunk.append(head);
            self.stage = Stage::First;
        }
        let Self { shard, order, write, stage } = self;
        shard.with_cache(|cache| {
            while chunk.len() < CHUNK_BYTES {
                let Some(topic) = order.next() else {
                    chunk.extend_from_slice(b"]}");
                    *stage = Stage::Ended;
                    return;
                };
                let current = cache.topic(topic).current.as_ref();
                let Some(publication) = current.filter(|it| it.status == Status::Listed) else { continue };
                if matches!(stage, Stage::Further) {
                    chunk.push(b',');
                }
                write(publication, chunk);
                *stage = Stage::Further;
            }
        });
    }
}

impl MessageBody for Listing {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    /// Asked only when everything before is in the kernel's hands.
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if matches!(self.stage, Stage::Ended) {
            return Poll::Ready(None);
        }
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + 1024);
        self.fill(&mut chunk);
        Poll::Ready(Some(Ok(chunk.into())))
    }
}
