import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedState } from "../../state/embedded.ts";
import { stateContract } from "../contract/state-contract.ts";

stateContract("embedded, in memory", {
  open: async () => openEmbeddedState({ file: ":memory:" }),
  dispose: async () => {},
});

let directory = "";
stateContract("embedded, in a file", {
  open: async () => {
    directory = await mkdtemp(join(tmpdir(), "meridian-state-"));
    return openEmbeddedState({ file: join(directory, "state.db") });
  },
  dispose: () => rm(directory, { recursive: true, force: true }),
});
