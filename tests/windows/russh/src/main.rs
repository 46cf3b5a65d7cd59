//! A client of another hand for the agent on Windows: russh, by a named pipe or by Pageant's hidden window.
//!
//!     myagent-tests-russh pipe NAME | window KEY HOST:PORT USER HOSTKEY
//!
//! KEY and HOSTKEY are public keys in base64. Lists, signs, logs in; says each, and then what the server said.

use std::error::Error;
use std::sync::Arc;

use russh::ChannelMsg;
use russh::client::{self, Handler};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::signature::Verifier;
use russh::keys::{PublicKey, PublicKeyOrCertificate, parse_public_key_base64};

type Any = Box<dyn Error>;
type Agent = AgentClient<Box<dyn AgentStream + Send + Unpin>>;

struct OnlyHost(PublicKey);

impl Handler for OnlyHost {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(
            matches!(shown, PublicKeyOrCertificate::PublicKey { key, .. } if key.key_data() == self.0.key_data()),
        )
    }
}

#[cfg(windows)]
async fn connect(arguments: &mut impl Iterator<Item = String>) -> Result<Agent, Any> {
    match arguments.next().as_deref() {
        Some("pipe") => {
            let name = arguments.next().ok_or("no pipe's name")?;
            Ok(AgentClient::connect_named_pipe(name).await?.dynamic())
        }
        Some("window") => {
            let stream = pageant::wmmessage::PageantStream::new().await?;
            Ok(AgentClient::connect(stream).dynamic())
        }
        _ => Err("pipe NAME or window".into()),
    }
}

#[cfg(not(windows))]
async fn connect(_: &mut impl Iterator<Item = String>) -> Result<Agent, Any> {
    Err("this is a client for Windows".into())
}

async fn list_and_sign(agent: &mut Agent, wanted: &PublicKey) -> Result<PublicKey, Any> {
    let mut found = None;
    for identity in agent.request_identities().await? {
        if let AgentIdentity::PublicKey { key, .. } = identity {
            found = Some(key).filter(|key| key.key_data() == wanted.key_data()).or(found);
        }
    }
    let key = found.ok_or("list: not the key asked for")?;
    println!("list");
    let data = b"what is to be signed";
    let signature = agent.sign_request_signature(&key, None, data).await?;
    key.key_data().verify(data, &signature)?;
    println!("sign");
    Ok(key)
}

async fn log_in(
    agent: &mut Agent,
    key: PublicKey,
    server: &str,
    user: &str,
    host: PublicKey,
) -> Result<(), Any> {
    let mut session = client::connect(Arc::default(), server, OnlyHost(host)).await?;
    if !session.authenticate_publickey_with(user, key, None, agent).await?.success() {
        return Err("login: refused".into());
    }
    let mut channel = session.channel_open_session().await?;
    channel.exec(true, "true").await?;
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::Data { data } = message {
            print!("{}", String::from_utf8_lossy(&data));
        }
    }
    Ok(())
}

async fn run() -> Result<(), Any> {
    let mut arguments = std::env::args().skip(1);
    let mut agent = connect(&mut arguments).await?;
    let rest: Vec<String> = arguments.collect();
    let [key, server, user, host] = &rest[..] else { return Err("KEY HOST:PORT USER HOSTKEY".into()) };
    let key = list_and_sign(&mut agent, &parse_public_key_base64(key)?).await?;
    log_in(&mut agent, key, server, user, parse_public_key_base64(host)?).await
}

fn main() -> Result<(), Any> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run())
}
