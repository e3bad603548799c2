import { describe } from "vitest";
import { describeStatusGuard } from "../server-module/guard-status.ts";

describe("on a real Prosody", () => describeStatusGuard("prosody"));
