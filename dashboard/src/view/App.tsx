import { useEffect, useState } from "react";

import { pause, backoffMs } from "../api/backoff";
import { connect } from "../api/clients";
import { whoami, type Session } from "../api/session";
import { Desk, DeskContext } from "../state/desk";
import { Console } from "./Console";
import { Curtain } from "./Curtain";

type Phase = { readonly name: "asking"; readonly error: string } | { readonly name: "out" } | { readonly name: "in"; readonly desk: Desk };

/** Asks who is there, and shows the console or how to sign in. */
export function App() {
  const [phase, setPhase] = useState<Phase>({ name: "asking", error: "" });

  useEffect(() => {
    const stop = new AbortController();
    void ask(stop.signal, (error) => setPhase({ name: "asking", error })).then((session) => {
      if (!stop.signal.aborted) {
        const leave = (): void => setPhase({ name: "out" });
        setPhase(session ? { name: "in", desk: new Desk(connect(location.origin), session, leave) } : { name: "out" });
      }
    });
    return () => stop.abort();
  }, []);

  switch (phase.name) {
    case "asking":
      return phase.error === "" ? (
        <Curtain title="Connecting" busy />
      ) : (
        <Curtain title="The server cannot be reached" busy>
          {phase.error}. Trying again.
        </Curtain>
      );
    case "out":
      return (
        <Curtain title="Signed out">
          Ask for a login link with <code>cortex login</code> and open it in this browser.
        </Curtain>
      );
    case "in":
      return (
        <DeskContext value={phase.desk}>
          <Console />
        </DeskContext>
      );
  }
}

async function ask(signal: AbortSignal, failed: (error: string) => void): Promise<Session | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await whoami(signal);
    } catch (error) {
      if (signal.aborted) {
        return null;
      }
      failed(error instanceof Error ? error.message : String(error));
      await pause(backoffMs(attempt, Math.random()), signal);
    }
  }
}
