// A client of another hand for the agent's named pipe: ssh2's OpenSSHAgent, on Windows' node.
//
//   ssh2.js PIPE KEY HOST:PORT USER HOSTKEY
//
// KEY and HOSTKEY are public keys in base64. Lists, signs, logs in; says each, and then what the server said.
'use strict';
const { Client, OpenSSHAgent } = require('ssh2');

const [pipe, key, server, username, hostKey] = process.argv.slice(2);

function fail(what, error) {
  console.error(`${what}: ${error && error.message ? error.message : error}`);
  process.exit(1);
}

function logIn() {
  const [host, port] = server.split(':');
  const client = new Client();
  let said = '';
  client
    .on('ready', () => client.exec('true', (error, stream) => {
      if (error) fail('exec', error);
      stream.on('data', (data) => { said += data; }).on('close', () => {
        process.stdout.write(said, () => process.exit(0));
      });
    }))
    .on('error', (error) => fail('login', error))
    .connect({
      host,
      port: Number(port),
      username,
      agent: pipe,
      hostVerifier: (shown) => shown.equals(Buffer.from(hostKey, 'base64')),
    });
}

const agent = new OpenSSHAgent(pipe);
agent.getIdentities((error, listed) => {
  if (error) fail('list', error);
  const found = listed.find((one) => one.getPublicSSH().toString('base64') === key);
  if (!found) fail('list', `${listed.length} keys, and not the one asked for`);
  console.log('list');
  const data = Buffer.from('what is to be signed');
  agent.sign(found, data, {}, (refused, signature) => {
    if (refused) fail('sign', refused);
    if (found.verify(data, signature) !== true) fail('sign', 'the signature is not right');
    console.log('sign');
    logIn();
  });
});
