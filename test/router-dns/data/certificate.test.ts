import assert from "node:assert/strict";
import { copyFileSync, rmSync } from "node:fs";
import { test } from "node:test";
import { type Logger, silentLogger } from "../../../common/log.ts";
import { CertificateKeeper } from "../../../router-dns/data/certificate.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { tempDir } from "../../support/temp-dir.ts";

test("files that change are read again by themselves; what is broken in between is kept out", async (t) => {
  const dir = tempDir(t);
  const files = await makeCertificate(dir, "first.test");
  const renewed = await makeCertificate(dir, "second.test");
  const events: string[] = [];
  const note = (fields: unknown) => events.push((fields as { event: string }).event);
  const log = { ...silentLogger, info: note, error: note } as unknown as Logger;
  const clock = new FakeClock();
  const keeper = new CertificateKeeper(files, { clock, log });
  t.after(() => keeper.stop());
  const first = keeper.context();
  keeper.start();

  /** Lets the keeper look until it has said that. */
  const expectEvent = (event: string) =>
    eventually(event, async () => {
      await clock.advanceAsync(5_000);
      assert.equal(events.at(-1), event);
    });
  await eventually("it looks", () => assert.equal(clock.pendingTimers, 1));
  copyFileSync(renewed.certificate, files.certificate);
  await expectEvent("certificate-kept");
  assert.equal(keeper.context(), first);
  copyFileSync(renewed.key, files.key);
  await expectEvent("certificate-loaded");
  assert.notEqual(keeper.context(), first);
  const second = keeper.context();
  rmSync(files.certificate);
  await expectEvent("certificate-kept");
  assert.equal(keeper.context(), second);
  const count = events.length;
  await clock.advanceAsync(60_000);
  assert.equal(events.length, count, "one complaint for one change");
  assert.ok(keeper.expiresAt > Date.now());
});
