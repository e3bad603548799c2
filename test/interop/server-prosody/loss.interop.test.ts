import { describe } from "vitest";
import { describeLoss } from "../server-module/loss.ts";

describe("[R2] what is lost on a real Prosody", () => describeLoss("prosody"));
