import { describe } from "vitest";
import { describeStatusGuard } from "../server-module/guard-status.ts";

describe("[R1] [R2] the guard of texts on a real Prosody", () => describeStatusGuard("prosody"));
