import { describe } from "vitest";
import { describeControl } from "../server-module/control.ts";

describe("[R1] orders on a real Prosody", () => describeControl("prosody"));
