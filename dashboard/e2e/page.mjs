// Opens the page in a headless Chromium and judges it as an operator would see it.
//
//   node e2e/page.mjs LOGIN_URL SCREENSHOT.png [--people PEOPLE.png] [--clip CLIP.png]
//
// Passes (exit 0) when a tile shows a picture, an alert says why, the log has entries and the connection is live, without
// an error on the browser's console, a violation of the content security policy or a request to another origin. With
// --clip the clip of the newest alert must play, go where a key says, and be saved, as CLIP.mp4 beside its picture. Fails
// with exit 1 and one line per reason, 64 for wrong arguments. CHROMIUM names the browser; /usr/bin/chromium otherwise.
// E2E_TIMEOUT_MS bounds each wait; 60 seconds otherwise.
import process from "node:process";
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

const shots = { people: { type: "string" }, clip: { type: "string" } };
const { values, positionals } = given();
const [loginUrl, screenshot] = positionals;
const timeout = Number(process.env.E2E_TIMEOUT_MS ?? 60_000);
const origin = new URL(loginUrl).origin;
const complaints = [];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.on("console", (message) => message.type() === "error" && complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`page: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== origin) {
      complaints.push(`request to another origin: ${url.origin}`);
    }
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${event.violatedDirective} blocked ${event.blockedURI}`);
    });
  });

  await page.goto(loginUrl, { timeout });
  const seen = [
    ["a tile with a picture", '[data-e2e="tile"][data-painted="true"]'],
    ["an alert that says why", '[data-e2e="alert"] [data-e2e="why"]:not(:empty)'],
    ["an alert's picture", '[data-e2e="alert"] img'],
    ["entries in the log", '[data-e2e="log-entry"]'],
    ["a live connection", '[data-connection="live"]'],
  ];
  for (const [what, selector] of seen) {
    await page
      .locator(selector)
      .first()
      .waitFor({ state: "visible", timeout })
      .catch(() => complaints.push(`missing after ${timeout} ms: ${what}`));
  }
  if (!(await picturesAreDrawn(page))) {
    complaints.push("the tile's canvas is blank");
  }
  await page.waitForFunction(stillsInSightAreThere, undefined, { timeout: 10_000 }).catch(() => undefined);
  await page.screenshot({ path: screenshot });
  const why = await page.locator('[data-e2e="alert"] [data-e2e="why"]').allTextContents();
  const entries = await page.locator('[data-e2e="log-entry"]').count();

  if (values.clip) {
    await clipPlays(page, values.clip).catch((error) => complaints.push(`clip: ${error.message}`));
  }
  if (values.people) {
    await page.locator('a[href="#/people"]').click();
    await page.getByRole("form", { name: "Enrol a person" }).waitFor({ timeout });
    await page.screenshot({ path: values.people });
  }

  console.log(JSON.stringify({ alerts: why.length, why: why[0] ?? null, logEntries: entries, complaints }));
} finally {
  await browser.close();
}
complaints.forEach((complaint) => console.error(complaint));
process.exitCode = complaints.length === 0 ? 0 : 1;

/** What was asked for; ends with how to ask when it cannot be read. */
function given() {
  try {
    const parsed = parseArgs({ options: shots, allowPositionals: true });
    if (parsed.positionals.length === 2) {
      return parsed;
    }
  } catch {
    // Said below.
  }
  console.error("usage: node e2e/page.mjs LOGIN_URL SCREENSHOT.png [--people PEOPLE.png] [--clip CLIP.png]");
  process.exit(64);
}

/** Opens the newest alert, plays its clip, goes to its beginning by keyboard, and saves it. */
async function clipPlays(page, path) {
  await page.getByRole("button", { name: /^Details: / }).first().click();
  const clip = page.locator('[data-e2e="clip"]');
  await clip.and(page.locator('[data-phase="here"]')).waitFor({ timeout });
  await clip.getByRole("button", { name: "Play the clip" }).click();
  await clip.locator('[data-e2e="clip-picture"][data-painted="true"]').waitFor({ timeout });
  await clip.getByRole("button", { name: "Pause the clip" }).click();
  const moment = clip.getByRole("slider");
  await moment.press("ArrowRight");
  await page.screenshot({ path });
  const played = await moment.getAttribute("aria-valuetext");
  await moment.press("Home");
  if ((await moment.getAttribute("aria-valuetext")) === played) {
    complaints.push(`clip: the moment stays ${played}`);
  }
  const [saved] = await Promise.all([
    page.waitForEvent("download", { timeout }),
    clip.getByRole("button", { name: "Save as file" }).click(),
  ]);
  await saved.saveAs(path.replace(/\.png$/, ".mp4"));
  await page.keyboard.press("Escape");
}

/** No still in sight is being waited for; only for a finished screenshot, so not a reason to fail. */
function stillsInSightAreThere() {
  return [...document.querySelectorAll('[data-e2e="alert"] [data-phase="waiting"]')].every(
    (still) => still.getBoundingClientRect().top > innerHeight,
  );
}

/** Some tile's canvas holds more than one colour. */
function picturesAreDrawn(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll('[data-e2e="tile"] canvas')].some((canvas) => {
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      for (let i = 4; i < pixels.length; i += 4) {
        if (pixels[i] !== pixels[0] || pixels[i + 1] !== pixels[1] || pixels[i + 2] !== pixels[2]) {
          return true;
        }
      }
      return false;
    }),
  );
}
