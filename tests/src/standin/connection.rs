use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::reply::ResetInstead;
use super::route;
use super::world::World;

/// Accepts connections until the task is aborted, which cuts those that are open.
pub(super) async fn serve(listener: TcpListener, world: Arc<World>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    drop(stream.set_nodelay(true));
                    open.spawn(connection(stream, world.clone()));
                }
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, world: Arc<World>) {
    // A second handle on the socket, to make its close a reset (SO_LINGER 0) when a fault asks for one.
    let Ok(stream) = stream.into_std() else { return };
    let Ok(handle) = stream.try_clone() else { return };
    let Ok(stream) = TcpStream::from_std(stream) else {
        return;
    };
    let handle = Arc::new(handle);
    let service = service_fn(move |request: Request<Incoming>| {
        let (handle, world) = (handle.clone(), world.clone());
        async move {
            let carries_on = world.settings.lock().carries_on;
            let answering = answer(world, request.map(Body::new));
            let response = if carries_on {
                tokio::spawn(answering).await.map_err(io::Error::other)?
            } else {
                answering.await
            };
            if response.extensions().get::<ResetInstead>().is_some() {
                SockRef::from(&*handle).set_linger(Some(Duration::ZERO))?;
                return Err(io::Error::from(io::ErrorKind::ConnectionReset));
            }
            Ok(response)
        }
    });
    // An error here is a client that went away or a reset that was asked for; both are part of the play.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(world: Arc<World>, request: Request<Body>) -> Response<Body> {
    let answered: Result<_, Infallible> = route::router(world).oneshot(request).await;
    match answered {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
