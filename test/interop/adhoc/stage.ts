import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEjabberd } from "../../lab/ejabberd.ts";
import { type GatewayProcess, prepareGateway } from "../../lab/gateway-process.ts";
import { startProsody } from "../../lab/prosody.ts";
import { mustSucceed } from "../../lab/site.ts";

export const HOST = "example.test";
export const COMPONENT = { jid: `calendar.${HOST}`, secret: "lab component only" };
/** Carol is the administrator; everybody's password is their name. */
const USERS = ["carol", "alice", "bob"].map((name) => ({ name, password: name }));
const SETUP = { host: HOST, component: COMPONENT, users: USERS };

/** A real XMPP server and the gateway on it. */
export interface AdhocStage {
  readonly port: number;
  readonly gateway: GatewayProcess;
  /** A calendar server that nobody answers for, with alice on it. */
  addGateway(): Promise<void>;
  close(): Promise<void>;
}

/** Starts both; Prosody has ad-hoc commands of its own, without which Profanity lists nobody's. */
export async function startStage(kind: "ejabberd" | "prosody"): Promise<AdhocStage> {
  const isProsody = kind === "prosody";
  const server = await (isProsody
    ? startProsody({ ...SETUP, modules: ["adhoc"] })
    : startEjabberd({ ...SETUP, trusted: true }));
  const directory = mkdtempSync(join(tmpdir(), "presence-adhoc-"));
  const gateway = prepareGateway({
    directory,
    componentPort: server.componentPort,
    component: COMPONENT.jid,
    secret: COMPONENT.secret,
    domains: [HOST],
    admins: [`carol@${HOST}`],
    actsBy: isProsody ? "privilege" : "trusted",
  });
  await gateway.start();
  return {
    port: server.c2sPort,
    gateway,
    async addGateway() {
      const url = "https://127.0.0.1:9/EWS/Exchange.asmx";
      await mustSucceed(gateway, `gateway add hq type=ews url=${url} account=svc password=secret`);
      await mustSucceed(gateway, `user enable alice@${HOST}`);
    },
    async close() {
      await gateway.end("SIGTERM");
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
