import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/shell/config-file.ts";

const OTHERS = `[xmpp]
service = "xmpp://127.0.0.1:5347"
component = "calendar.example.com"
secret = "component secret"
domains = ["example.com"]
admins = []
[store]
path = "gateway.db"
`;

/** A folder with a configuration file of which only some sections matter, and files beside it by name. */
export function createSectionStage(files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "section-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return {
    folder,
    /** The configuration with these sections in it. Throws as `loadConfig` does. */
    load: (sections: string, environment: NodeJS.ProcessEnv = {}) => {
      const path = join(folder, "gateway.toml");
      writeFileSync(path, `${OTHERS}${sections}`);
      return loadConfig(path, environment);
    },
    end: () => rmSync(folder, { recursive: true, force: true }),
  };
}
