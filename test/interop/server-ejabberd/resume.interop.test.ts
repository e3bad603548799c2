import { Socket } from "node:net";
import { client, xml } from "@xmpp/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ejabberd, startEjabberd } from "../../lab/ejabberd.ts";
import { connectJabber, type JabberClient } from "../../lab/jabber-client.ts";
import { isMissing } from "../../lab/xmpp-server.ts";
import { connectComponent, type RawComponent } from "../server-module/raw-component.ts";
import { GATEWAY, HOST, hello, IN_A_MEETING, setOverlay } from "../server-module/site.ts";

const ALICE = `alice@${HOST}`;

describe.skipIf(isMissing("ejabberd"))("a session of ejabberd that is resumed (XEP-0198)", () => {
  let server: Ejabberd;
  let gateway: RawComponent;
  let bob: JabberClient;
  const alice = (): ReturnType<typeof client> =>
    client({
      service: `xmpp://127.0.0.1:${server.c2sPort}`,
      domain: HOST,
      username: "alice",
      resource: "phone",
      credentials: (authenticate) =>
        authenticate({ username: "alice", password: "secret" }, "PLAIN", xml("user-agent")),
    });

  beforeAll(async () => {
    server = await startEjabberd({
      host: HOST,
      component: { jid: GATEWAY, secret: "secret" },
      users: ["alice", "bob"].map((name) => ({ name, password: "secret" })),
      rosters: [[ALICE, `bob@${HOST}`]],
      module: {},
      otherModules: { mod_stream_mgmt: {} },
    });
    gateway = await connectComponent({ port: server.componentPort, jid: GATEWAY, secret: "secret" });
    bob = await connectJabber({ jid: `bob@${HOST}`, password: "secret", port: server.c2sPort });
    await bob.sendPresence();
  });
  afterAll(async () => {
    await bob?.close();
    await gateway?.vanish();
    await server?.stop();
  });

  it("keeps the overlay, and has the client's own presence back when that ends", async () => {
    await hello(gateway);
    const phone = alice();
    phone.on("error", () => undefined); // the loss below
    await phone.start();
    await phone.send(xml("presence", {}, xml("show", {}, "chat")));
    await setOverlay(gateway, "alice", IN_A_MEETING);
    await bob.waitFor((me) => me.view(ALICE).show === "dnd", "the meeting");
    // On a busy machine the server may begin another session in place of the lost one: then that one is lost.
    let lostAt = bob.seen.length;
    for (let tries = 1; !(await loseAndReturn(phone)); tries++) {
      expect(tries).toBeLessThan(4);
      await phone.send(xml("presence", {}, xml("show", {}, "chat")));
      await bob.waitFor((me) => me.view(ALICE).show === "dnd", "the meeting again");
      lostAt = bob.seen.length;
    }
    const before = bob.seen.length;
    await setOverlay(gateway, "alice", {});
    await bob.waitFor((me) => me.view(ALICE).show === "chat", "her own presence");
    expect(bob.seen.slice(lostAt, before).filter(({ element }) => element.attrs["type"] === "unavailable")).toEqual([]);
    const told = (await gatewayHears()).filter((presence) => presence.includes(`from="${ALICE}/phone"`));
    expect(told).toHaveLength(1);
    await phone.stop();
  });

  /** Cuts the connection and waits for the next one; true when it goes on with the same session. */
  async function loseAndReturn(phone: ReturnType<typeof client>): Promise<boolean> {
    await expect.poll(() => phone.streamManagement.enabled).toBe(true);
    const session = phone.streamManagement.id;
    const { socket } = phone;
    if (socket instanceof Socket) socket.destroy();
    await expect.poll(() => phone.status, { timeout: 5000 }).toBe("disconnect");
    await expect.poll(() => phone.status, { timeout: 20_000 }).toBe("online");
    return phone.streamManagement.id === session;
  }

  /** What a gateway that says hello is told. */
  async function gatewayHears(): Promise<readonly string[]> {
    const before = gateway.seen.length;
    await hello(gateway);
    await setOverlay(gateway, "alice", {});
    return gateway.seen.slice(before).map(String);
  }
});
