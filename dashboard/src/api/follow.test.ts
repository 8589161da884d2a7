import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test, vi } from "vitest";

import { follow, type Link } from "./follow";

/** Follows a script of streams, one per attempt, on a fake clock, until the last of them stays open. */
async function run(streams: ReadonlyArray<(signal: AbortSignal) => AsyncIterable<number>>, silenceMs?: number) {
  vi.useFakeTimers();
  const stop = new AbortController();
  const links: Link[] = [];
  const taken: number[] = [];
  let out = 0;
  let attempt = 0;
  const done = follow<number>(
    {
      open: (signal, headers) => {
        headers();
        return (streams[attempt++] ?? forever)(signal);
      },
      take: (message) => taken.push(message),
      say: (link) => links.push(link),
      signedOut: () => (out += 1),
      ...(silenceMs === undefined ? {} : { silenceMs }),
    },
    stop.signal,
  );
  await vi.advanceTimersByTimeAsync(120_000);
  stop.abort();
  await done;
  vi.useRealTimers();
  return { links: links.map(({ state }) => state), taken, out, attempts: attempt };
}

async function* forever(signal: AbortSignal): AsyncGenerator<number> {
  await new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
}

async function* failing(code: Code, ...messages: number[]): AsyncGenerator<number> {
  yield* messages;
  throw new ConnectError("no", code);
}

test("a lost stream is opened again, and says so in between", async () => {
  const seen = await run([() => failing(Code.Unavailable, 1, 2), () => failing(Code.Unknown, 3)]);
  expect(seen.taken).toEqual([1, 2, 3]);
  expect(seen.links).toEqual(["connecting", "live", "reconnecting", "live", "reconnecting", "live"]);
});

test("the end of the session ends the stream for good", async () => {
  const seen = await run([() => failing(Code.Unauthenticated)]);
  expect(seen).toMatchObject({ out: 1, attempts: 1 });
});

test("what the role may not see is not asked for again", async () => {
  const seen = await run([() => failing(Code.PermissionDenied)]);
  expect(seen).toMatchObject({ attempts: 1, out: 0 });
  expect(seen.links.at(-1)).toBe("refused");
});

test("a stream that falls silent counts as lost", async () => {
  const seen = await run([forever, forever, forever], 45_000);
  expect(seen.attempts).toBe(3);
});
