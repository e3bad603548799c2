import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A real softphone without sound, registered nowhere, that publishes its presence. */
export interface Baresip {
  setPresence(presence: "online" | "offline"): void;
  readonly output: string;
  /** Ends it as a user does; it takes its publication back. */
  stop(): Promise<void>;
}

const BARESIP = "/usr/bin/baresip";
const MODULES = "/usr/lib/baresip/modules";
const START_LIMIT = 10_000;

/** What is missing for baresip; undefined: nothing. */
export const whatBaresipLacks = (): string | undefined =>
  existsSync(BARESIP) && existsSync(`${MODULES}/presence.so`)
    ? undefined
    : "baresip is missing: apt-get install baresip-core";

const CONFIG = [
  "poll_method epoll",
  "sip_listen 127.0.0.1:0",
  "net_interface 127.0.0.1",
  `module_path ${MODULES}`,
  "module stdio.so",
  "module g711.so",
  "module_tmp uuid.so",
  "module_tmp account.so",
  "module_app contact.so",
  "module_app presence.so",
  "module_app menu.so",
  "",
].join("\n");

/** Starts the phone of the AOR; resolves when it takes commands. */
export async function startBaresip(aor: string, serverPort: number): Promise<Baresip> {
  const directory = mkdtempSync(join(tmpdir(), "baresip-"));
  writeFileSync(join(directory, "config"), CONFIG);
  writeFileSync(join(directory, "contacts"), "");
  const account = `<${aor}>;outbound="sip:127.0.0.1:${serverPort};transport=udp";regint=0;pubint=120`;
  writeFileSync(join(directory, "accounts"), `${account}\n`);
  const phone = spawn(BARESIP, ["-f", directory], { stdio: ["pipe", "pipe", "pipe"] });
  const endWithUs = (): boolean => phone.kill("SIGKILL");
  process.once("exit", endWithUs);
  let output = "";
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`baresip is not ready\n${output}`)), START_LIMIT);
    const take = (bytes: Buffer): void => {
      output += bytes.toString();
      if (!output.includes("baresip is ready")) return;
      clearTimeout(timer);
      resolve();
    };
    phone.stdout.on("data", take);
    phone.stderr.on("data", take);
    phone.once("exit", (code) => reject(new Error(`baresip ended with ${code}\n${output}`)));
  }).catch((cause: unknown) => {
    phone.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
    throw cause;
  });
  return {
    setPresence: (presence) => phone.stdin.write(`/presence_${presence}\n`),
    get output() {
      return output;
    },
    async stop() {
      await end(phone);
      process.off("exit", endWithUs);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function end(phone: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (phone.exitCode !== null || phone.signalCode !== null) return resolve();
    const impatience = setTimeout(() => phone.kill("SIGKILL"), 5000);
    phone.once("exit", () => {
      clearTimeout(impatience);
      resolve();
    });
    phone.stdin?.write("/quit\n");
  });
}
