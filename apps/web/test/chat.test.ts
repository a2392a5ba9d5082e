import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromiumPath } from "../../../packages/server/test/support/chromium.ts";
import { begin, conversation, field, message, openWebScene, say, type WebScene } from "./support/people.ts";

/** 8 × 6 pixels of one colour. */
const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAGCAIAAABxZ0isAAAAEUlEQVR4nGMwCbqIFTEMpAQAu6RAUb0Td1wAAAAASUVORK5CYII=",
  "base64",
);

describe.skipIf(chromiumPath === null)("two people", () => {
  let scene: WebScene;
  let ada: Page;
  let ben: Page;
  beforeAll(async () => {
    scene = await openWebScene("web_chat");
    await scene.ask("cleo-park", "PUT", "/users/me", { name: "Cleo Park" });
    [ada, ben] = await Promise.all([scene.enter("Ada Byron"), scene.enter("Ben Okri")]);
  });
  afterAll(async () => {
    await scene?.close();
  });

  test("find one another, write, and see that the other types and has read", async () => {
    await begin(ada, "Ben Okri");
    await say(ada, "Hello **Ben**");
    await conversation(ben, "Ada Byron").click();
    await message(ben, "Hello Ben").locator("strong", { hasText: "Ben" }).waitFor();
    await message(ada, "Hello Ben").getByRole("img", { name: "Read" }).waitFor();

    await field(ben).pressSequentially("H");
    await ada.getByText("Ben Okri is typing…").first().waitFor();
    await field(ben).pressSequentially("i Ada");
    await field(ben).press("Enter");
    await message(ada, "Hi Ada").waitFor();
    await ada.getByText("Online", { exact: true }).waitFor();
    await expect.poll(() => ada.title()).toBe("Parlance");
  });

  test("what comes while one looks elsewhere is counted, and a divider shows where it begins", async () => {
    await begin(ben, "Cleo Park");
    await say(ada, "one");
    await say(ada, "two");
    await conversation(ben, "2 unread").waitFor();
    await expect.poll(() => ben.title()).toBe("(2) Parlance");
    await conversation(ben, "Ada Byron").click();
    await ben.locator("main").getByText("New", { exact: true }).waitFor();
    await expect.poll(() => ben.title()).toBe("Parlance");
  });

  test("what comes while nobody looks is told by the browser, and leads there", async () => {
    await ben.evaluate(() => {
      // The browser's own shows outside of the page, where no test sees it.
      class Seen {
        static permission = "granted";
        onclick: (() => void) | null = null;
        constructor(title: string, { body }: NotificationOptions) {
          Object.assign(window, { seen: { title, body, click: () => this.onclick?.() } });
        }
        close(): void {}
      }
      Object.assign(window, { Notification: Seen });
    });
    await conversation(ben, "Cleo Park").click();
    await say(ada, "look **here**");
    const seen = () =>
      ben
        .evaluate(() => (window as { seen?: { title: string; body: string } }).seen)
        .then((one) => one && [one.title, one.body]);
    await expect.poll(seen).toEqual(["Ada Byron", "look here"]);
    await ben.evaluate(() => (window as unknown as { seen: { click(): void } }).seen.click());
    await message(ben, "look here").waitFor();
  });

  test("react, by the quick ones and by the picker", async () => {
    await message(ben, "one").hover();
    await message(ben, "one").getByRole("button", { name: "React with 👍" }).click();
    await message(ada, "one").getByRole("button", { name: "👍, 1" }).click();
    const both = message(ben, "one").getByRole("button", { name: "👍, 2" });
    await both.waitFor();
    await ben.mouse.move(0, 0);
    await both.hover();
    await message(ben, "one").getByTitle("Ben Okri, Ada Byron").waitFor();

    await message(ben, "two").hover();
    await message(ben, "two").getByRole("button", { name: "Other reactions" }).click();
    await ben.getByLabel("Find an emoji").fill("violin");
    await ben.getByRole("gridcell", { name: /violin/i }).click();
    await message(ada, "two").getByRole("button", { name: "🎻, 1" }).waitFor();
  });

  test("answer in a thread, and by quoting", async () => {
    await message(ada, "Hi Ada").hover();
    await message(ada, "Hi Ada").getByRole("button", { name: "Open thread (T)" }).click();
    const thread = ada.getByRole("complementary", { name: "Thread" });
    await thread.getByRole("textbox").fill("How are you?");
    await thread.getByRole("textbox").press("Enter");
    await thread.locator("article", { hasText: "How are you?" }).waitFor();
    await message(ben, "Hi Ada").getByRole("button", { name: "1 reply" }).click();
    await ben
      .getByRole("complementary", { name: "Thread" })
      .locator("article", { hasText: "How are you?" })
      .waitFor();
    await ada.getByRole("button", { name: "Close the panel" }).click();

    await message(ben, "How are you?").focus();
    await ben.keyboard.press("r");
    await ben.getByText("Reply to Ada Byron").waitFor();
    await say(ben, "Fine");
    await message(ada, "Fine")
      .getByRole("button", { name: /How are you/ })
      .waitFor();
  });

  test("edit the last message with an arrow key, see its earlier text, and delete one", async () => {
    await field(ada).press("ArrowUp");
    await ada.getByText("Editing").waitFor();
    await say(ada, "How are you, Ben?");
    await message(ben, "How are you, Ben?").getByRole("button", { name: "edited" }).click();
    await ben.getByRole("dialog").getByText("How are you?", { exact: true }).waitFor();
    await ben.keyboard.press("Escape");

    await say(ada, "a mistake");
    await message(ben, "a mistake").waitFor();
    await message(ada, "a mistake").focus();
    await ada.keyboard.press("Delete");
    await ada.getByRole("button", { name: "Delete", exact: true }).click();
    await message(ben, "This message was deleted.").waitFor();
    expect(await message(ben, "a mistake").count()).toBe(0);
  });

  test("send files: a picture that is shown, any other to be saved, by dropping too", async () => {
    await ada.locator("main input[type=file]").setInputFiles([
      { name: "plan.png", mimeType: "image/png", buffer: PICTURE },
      { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("to be read") },
    ]);
    const waiting = ada.getByRole("list", { name: "Files to be sent" });
    await expect.poll(() => waiting.getByText(/ B$/).count()).toBe(2);
    await say(ada, "two files");
    const picture = message(ben, "two files").getByRole("img", { name: "plan.png" });
    await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBe(8);
    const [download] = await Promise.all([
      ben.waitForEvent("download"),
      message(ben, "two files")
        .getByRole("link", { name: /notes.txt/ })
        .click(),
    ]);
    expect(download.suggestedFilename()).toBe("notes.txt");
    const addresses = await ben.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>("main [src], main [href]")].map(
        (one) => one.getAttribute("src") ?? one.getAttribute("href") ?? "",
      ),
    );
    expect(addresses.filter((url) => url.includes("signature="))).toHaveLength(2);
    expect(addresses.filter((url) => /token|eyJ/.test(url))).toEqual([]);

    const transfer = await ben.evaluateHandle(() => {
      const data = new DataTransfer();
      data.items.add(new File(["dropped"], "dropped.txt", { type: "text/plain" }));
      return data;
    });
    await ben.locator("main > div").dispatchEvent("drop", { dataTransfer: transfer });
    await ben.getByRole("list", { name: "Files to be sent" }).getByText(/ B$/).waitFor();
    await ben.getByRole("main").getByRole("button", { name: "Send", exact: true }).click();
    await message(ada, "dropped.txt").waitFor();
  });

  test("find a message, and come to where it was said", async () => {
    await ada.keyboard.press("Control+k");
    const search = ada.getByRole("search");
    await expect
      .poll(
        async () => {
          await search.getByRole("textbox").fill("");
          await search.getByRole("textbox").fill("hello");
          return search
            .getByRole("link", { name: /Hello Ben/ })
            .waitFor({ timeout: 1_000 })
            .then(
              () => true,
              () => false,
            );
        },
        { timeout: 15_000 },
      )
      .toBe(true);
    await search.getByRole("link", { name: /Hello Ben/ }).click();
    await ada.locator("article[data-lit=true]", { hasText: "Hello Ben" }).waitFor();
    await ada.keyboard.press("Control+k");
    await search.getByRole("button", { name: "Close the search" }).click();
  });

  test("go on without a connection, and catch up in order", async () => {
    await ada.context().setOffline(true);
    await ada.getByText("No connection.").waitFor();
    await say(ada, "said without a connection");
    await message(ada, "said without a connection")
      .getByRole("img", { name: "Waiting to be sent" })
      .waitFor();
    await say(ben, "said meanwhile");
    await message(ben, "said meanwhile").getByRole("img", { name: "Sent", exact: true }).waitFor();
    expect(await message(ben, "said without").count()).toBe(0);
    // A key that is pressed before the message is stored counts once it is.
    await message(ada, "said without a connection").focus();
    await ada.keyboard.press("t");

    await ada.context().setOffline(false);
    await message(ben, "said without a connection").waitFor();
    const order = async (page: Page) =>
      (await message(page, /^.*said (meanwhile|without a connection)/).allInnerTexts()).map(
        (text) => /said \w+/.exec(text)?.[0],
      );
    await expect.poll(() => order(ada)).toEqual(["said meanwhile", "said without"]);
    expect(await order(ben)).toEqual(["said meanwhile", "said without"]);
    expect(await ada.getByText("No connection.").count()).toBe(0);
    await ada.getByRole("complementary", { name: "Thread" }).getByRole("textbox").waitFor();
    await ada.getByRole("button", { name: "Close the panel" }).click();
  });

  test("what is typed survives the page, and what waits to be sent too", async () => {
    await field(ada).fill("half a thou");
    await ada.reload();
    await expect.poll(() => field(ada).inputValue()).toBe("half a thou");
    await field(ada).fill("");
  });

  test("the app opens without the server, shows what it had, and goes on", async () => {
    await ada.evaluate(async () => void (await navigator.serviceWorker.ready));
    // What is shown is kept with a pause of two seconds.
    const isKept = () =>
      ada.evaluate(async () => {
        const opened = indexedDB.open("parlance");
        await new Promise((resolve) => opened.addEventListener("success", resolve));
        const asked = opened.result.transaction("values").objectStore("values").getAll();
        await new Promise((resolve) => asked.addEventListener("success", resolve));
        return asked.result.some((text) => String(text).includes("said without a connection"));
      });
    await expect.poll(isKept).toBe(true);
    await ada.context().setOffline(true);
    await ada.reload();
    await message(ada, "said without a connection").waitFor();
    await say(ada, "said before there was a server");
    await message(ada, "said before there was a server")
      .getByRole("img", { name: "Waiting to be sent" })
      .waitFor();
    await ada.context().setOffline(false);
    await message(ben, "said before there was a server").waitFor();
  });

  test("two tabs of one person: each shows what the other does", async () => {
    const second = await ada.context().newPage();
    await second.goto(scene.server.url);
    await second.getByRole("button", { name: "Ada Byron" }).click();
    await conversation(second, "Ben Okri").click();
    await say(second, "from the second tab");
    await message(ada, "from the second tab").waitFor();
    await message(ben, "from the second tab").waitFor();
    await say(ben, "heard");
    await message(second, "heard").waitFor();
    await expect.poll(() => conversation(ada, "unread").count()).toBe(0);
    await second.close();
  });

  test("a group: made, changed, its people managed, left", async () => {
    await ada.getByRole("button", { name: "New conversation" }).click();
    for (const name of ["Ben Okri", "Cleo Park"]) {
      await ada.getByLabel("Find people by name").fill(name);
      await ada.getByRole("dialog").getByRole("button", { name }).last().click();
    }
    await ada.getByLabel("Group name").fill("Engine room");
    await ada.getByRole("button", { name: "Create group" }).click();
    await field(ada, /Engine room/).waitFor();
    await conversation(ben, "Engine room").click();

    await ada.getByRole("button", { name: "Details" }).click();
    await ada.getByRole("button", { name: "Group settings" }).click();
    await ada.getByLabel("Name", { exact: true }).fill("Boiler room");
    await ada.getByRole("switch", { name: "Reactions" }).click();
    await ada.getByRole("button", { name: "Save" }).click();
    await ben.getByRole("heading", { name: "Boiler room" }).waitFor();

    await field(ada).fill("hello @be");
    await ada.getByRole("option", { name: /Ben Okri/ }).waitFor();
    await field(ada).press("Enter");
    await field(ada).press("Enter");
    await message(ben, "hello @Ben Okri").hover();
    await ben.getByRole("button", { name: "Reply (R)" }).waitFor();
    expect(await ben.getByRole("button", { name: "React with 👍" }).count()).toBe(0);

    const members = ada.getByRole("complementary", { name: "Details" });
    await members.getByRole("button", { name: "About Ben Okri" }).click();
    await ada.getByRole("menuitem", { name: "Admin" }).click();
    await members.getByText("Admin", { exact: true }).waitFor();
    await field(ben).fill("I was about to say");
    await members.getByRole("button", { name: "About Ben Okri" }).click();
    await ada.getByRole("menuitem", { name: "Remove from the group" }).click();
    await ben.getByText("You are not in this conversation, or not any more.").waitFor();
    expect(await ben.getByLabel("What you had written").inputValue()).toBe("I was about to say");
    await ben.getByRole("button", { name: "Back to the conversations" }).click();

    await members.getByRole("button", { name: "Delete for everybody" }).click();
    await ada.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect.poll(() => conversation(ada, "Boiler room").count()).toBe(0);
  });

  test("the list: pinned, muted, archived and back, by the keyboard", async () => {
    const row = (title: string) =>
      ada.getByRole("navigation").getByRole("listitem").filter({ hasText: title });
    await begin(ada, "Cleo Park");
    await row("Ben Okri").hover();
    await row("Ben Okri").getByRole("button", { name: "More" }).click();
    await ada.getByRole("menuitem", { name: "Pin to the top" }).click();
    await expect
      .poll(() => ada.getByRole("navigation").getByRole("link").first().innerText())
      .toContain("Ben Okri");
    await row("Ben Okri").hover();
    await row("Ben Okri").getByRole("button", { name: "More" }).click();
    await ada.getByRole("menuitem", { name: "Mark as unread" }).click();
    await conversation(ada, "1 unread").waitFor();
    await ada.keyboard.press("Alt+ArrowUp");
    await expect.poll(() => conversation(ada, "1 unread").count()).toBe(0);
    const unread = async () => (await scene.ask("ada-byron", "GET", "/conversations/unread")).total;
    await expect.poll(unread).toBe(0);
    await ada.getByRole("heading", { name: "Ben Okri" }).waitFor();

    await row("Cleo Park").hover();
    await row("Cleo Park").getByRole("button", { name: "More" }).click();
    await ada.getByRole("menuitem", { name: "Archive" }).click();
    await expect.poll(() => row("Cleo Park").count()).toBe(0);
    await ada
      .getByRole("button", { name: /Ada Byron/ })
      .first()
      .click();
    await ada.getByRole("menuitem", { name: "Archived conversations" }).click();
    await row("Cleo Park").waitFor();
  });

  test("nothing was complained of, and nothing asked of another host", () => {
    expect(scene.complaints).toEqual([]);
  });
});
