#!/usr/bin/env node
/** Part of `npm ci`: a database module that was built for another Node, or that would abort in this one, is built anew. */
import { join } from "node:path";
import { prepareNativeModule } from "./native-module.mjs";

await prepareNativeModule(join(import.meta.dirname, "../.."), (text) => process.stderr.write(`${text}\n`));
