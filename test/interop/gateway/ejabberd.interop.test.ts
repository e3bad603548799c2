import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SimulatedExchange, startExchange } from "../../doubles/exchange/exchange.ts";
import { type Ejabberd, startEjabberd } from "../../lab/ejabberd.ts";
import { findEjabberd } from "../../lab/ejabberd-config.ts";
import { type GatewayProcess, prepareGateway } from "../../lab/gateway-process.ts";
import { connectJabber, type JabberClient } from "../../lab/jabber-client.ts";
import { mustSucceed } from "../../lab/site.ts";

const HOST = "example.test";
const ALICE = `alice@${HOST}`;
const COMPONENT = { jid: `calendar.${HOST}`, secret: "lab component only" };
const MINUTE = 60_000;

if (findEjabberd() === undefined) console.log("skipped: ejabberd is not installed (apt-get install ejabberd)");

describe.skipIf(findEjabberd() === undefined)("the gateway on a real ejabberd, by trusted from", () => {
  const directory = mkdtempSync(join(tmpdir(), "presence-ejabberd-"));
  let server: Ejabberd;
  let exchange: SimulatedExchange;
  let gateway: GatewayProcess;
  let alice: JabberClient;
  let bob: JabberClient;
  const activity = () => bob.view(ALICE).activity?.specific;
  const connect = (name: string) =>
    connectJabber({ jid: `${name}@${HOST}`, password: name, port: server.c2sPort, host: "127.0.0.1" });

  beforeAll(async () => {
    server = await startEjabberd({
      host: HOST,
      component: COMPONENT,
      users: ["alice", "bob"].map((name) => ({ name, password: name })),
      rosters: [
        [ALICE, `bob@${HOST}`],
        [ALICE, `calendar@${COMPONENT.jid}`],
      ],
      trusted: true,
    });
    exchange = await startExchange({ accounts: [{ user: "svc", password: "pw", mayImpersonate: true }] });
    exchange.addMailbox(ALICE);
    writeFileSync(join(directory, "exchange-password"), "pw\n");
    gateway = prepareGateway({
      directory,
      componentPort: server.componentPort,
      component: COMPONENT.jid,
      secret: COMPONENT.secret,
      domains: [HOST],
      admins: [],
      actsBy: "trusted",
    });
    await gateway.start();
    await mustSucceed(gateway, `gateway add hq type=ews url=${exchange.url} account=svc password=@exchange-password`);
    await mustSucceed(gateway, `user enable ${ALICE}`);
    bob = await connect("bob");
    await bob.sendPresence();
    alice = await connect("alice");
    await alice.sendPresence();
    await bob.waitFor((client) => client.view(ALICE).show === "available", "alice available");
  });
  afterAll(async () => {
    await alice?.close();
    await bob?.close();
    await gateway?.end("SIGTERM");
    await server?.stop();
    await exchange?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it("[M3] shows the meeting as activity, from its start to its end", async () => {
    const start = Date.now() - MINUTE;
    const mailbox = exchange.findMailbox(ALICE);
    const id = mailbox?.addMeeting({ start, end: start + 60 * MINUTE, status: "busy" }) ?? "";
    await bob.waitFor(() => activity() === "in_a_meeting", "the meeting as activity", 15_000);
    mailbox?.removeMeeting(id);
    await bob.waitFor(() => activity() === undefined, "no meeting", 15_000);
  });

  it("[R1] overwrites a forged meeting", async () => {
    await alice.publishActivity({ general: "working", specific: "in_a_meeting" });
    await alice.settle();
    await bob.waitFor(() => activity() === undefined, "the forged meeting gone", 10_000);
    await expect.poll(() => mustSucceed(gateway, `audit ${ALICE}`), { timeout: 10_000 }).toContain("claim.forged");
  });
});
