import { after } from "node:test";

/**
 * Who owns what a test starts: a `TestContext`, or `suiteScope()` of a `describe`. Everything in
 * `test/support` that starts something takes one and says how to stop it, so that nothing outlives
 * its test.
 */
export interface Scope {
  after(stop: () => void | Promise<void>): void;
}

const stacks = new WeakMap<Scope, (() => void | Promise<void>)[]>();

/**
 * Runs `stop` when the scope ends, in the reverse order of the calls: a process that was started in
 * a folder ends before the folder goes. (Hooks of node:test run first come, first served.)
 */
export function atEnd(scope: Scope, stop: () => void | Promise<void>): void {
  const known = stacks.get(scope);
  if (known !== undefined) {
    known.push(stop);
    return;
  }
  const stack = [stop];
  stacks.set(scope, stack);
  scope.after(async () => {
    const failures: unknown[] = [];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      await Promise.try(next).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  });
}

/**
 * The scope of a `describe`, to be made in its body. (`after` called inside a `before` hook would
 * belong to that hook and run when it ends.)
 */
export function suiteScope(): Scope {
  const stops: (() => void | Promise<void>)[] = [];
  after(async () => {
    for (const stop of stops) await stop();
  });
  return { after: (stop) => void stops.push(stop) };
}
