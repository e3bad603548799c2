import { LOCAL_ADMINISTRATOR } from "../admin/command.ts";
import { openStore } from "../store/open-store.ts";
import { readAttachedText } from "./attached-text.ts";
import type { LoadedConfig } from "./config-file.ts";
import { type ControlAnswer, type ControlRequest, controlPath, sendControl } from "./control-socket.ts";
import { createServices, runAs } from "./run-gateway.ts";
import { createClock, createLog } from "./runtime.ts";
import { loadTrust } from "./trust.ts";

/** Runs a chat command as the local administrator, with the file that it names: in the running gateway, else on its store. */
export async function runCommand(
  config: LoadedConfig,
  environment: NodeJS.ProcessEnv,
  asked: ControlRequest,
  signal: AbortSignal,
): Promise<ControlAnswer> {
  const request = { ...asked, text: await readAttachedText(asked.line) };
  const answered = await sendControl(controlPath(config.storePath), request);
  if (answered) return answered;
  const clock = createClock();
  const runtime = { clock, log: createLog("silent"), random: Math.random };
  const store = openStore({ path: config.storePath, key: config.storeKey, runtime });
  try {
    const services = createServices(
      config,
      { store, trust: await loadTrust(store, runtime, environment) },
      environment,
    );
    return await runAs(LOCAL_ADMINISTRATOR, { ...services, clock }, request, signal);
  } finally {
    store.close();
  }
}
