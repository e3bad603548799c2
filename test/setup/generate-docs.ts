import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { composePages } from "./generated-docs.ts";

const root = new URL("../../", import.meta.url);
for (const [path, text] of Object.entries(composePages())) writeFileSync(fileURLToPath(new URL(path, root)), text);
