import { expect, test } from "vitest";
import { readWish } from "../../src/core/search/wish.ts";
import { wordsOf } from "../../src/core/search/words.ts";

const said = (text: string) => wordsOf(text).map((word) => word.text);
/** `*` after what need only be a beginning. */
const wished = (text: string) =>
  readWish(text).map((phrase) => phrase.map((word) => word.text + (word.begins ? "*" : "")).join(" "));

test("words are compared without case, accents and width", () => {
  expect(said("Crème BRÛLÉE, naïve façade")).toEqual(["creme", "brulee", "naive", "facade"]);
  expect(said("ＦＵＬＬ ﬁne İstanbul ℌ")).toEqual(["full", "fine", "istanbul", "h"]);
  expect(said("Ёлка й")).toEqual(["елка", "и"]);
  expect(said("don't e-mail me_now 3.14")).toEqual(["don", "t", "e", "mail", "me_now", "3", "14"]);
});

test("a script without spaces gives each two neighbours and its last character", () => {
  expect(said("東京都へ")).toEqual(["東京", "京都", "都へ", "へ"]);
  expect(said("visit東京now")).toEqual(["visit", "東京", "京", "now"]);
  expect(said("สวัสดี").length).toBe([..."สวัสดี".normalize("NFKD").normalize("NFC")].length);
  expect(said("ガラス")).toEqual(["ガラ", "ラス", "ス"]);
  expect(said("안녕 세계")).toEqual(["안녕", "세계"]);
});

test("signs are words; joiners and variants are none", () => {
  expect(said("well 👍🏽 done ❤️")).toEqual(["well", "👍", "done", "❤"]);
  expect(said("!?… -- () %_ \u0301")).toEqual(["_"]);
});

test("long words and long texts are bounded, and never cut within a character", () => {
  expect(said("x".repeat(5_000))).toEqual(["x".repeat(64)]);
  expect(said(`a${"𝔘".repeat(100)}`).every((word) => word.isWellFormed())).toBe(true);
  expect(said(`${"𐐷".repeat(31)}abc𐐷`)[0]?.isWellFormed()).toBe(true);
  expect(wordsOf("a ".repeat(20_000)).at(-1)?.place).toBe(16_383);
});

test("the last word of a wish may be unfinished, what is quoted is a phrase", () => {
  expect(wished("hello wor")).toEqual(["hello", "wor*"]);
  expect(wished('"hello world" fo')).toEqual(["hello world", "fo*"]);
  expect(wished('fo "hello world"')).toEqual(["fo", "hello world"]);
  expect(wished("say “good night” ")).toEqual(["say", "good night"]);
  expect(wished('an "open quote')).toEqual(["an", "open", "quote*"]);
  expect(wished("me@example.com")).toEqual(["me example com*"]);
});

test("a piece of a run is looked for wherever it stands", () => {
  expect(wished("東")).toEqual(["東*"]);
  expect(wished("東京")).toEqual(["東京"]);
  expect(wished("東京都")).toEqual(["東京 京都"]);
  expect(wished('"東京" 都')).toEqual(["東京", "都*"]);
});

test("operators are nothing, and neither is much of anything", () => {
  expect(wished("' or 1=1 --")).toEqual(["or", "1 1"]);
  expect(wished("& ! : * % ( ) <-> \\ '")).toEqual([]);
  expect(wished("(a+)+$")).toEqual(["a*"]);
  expect(readWish("w ".repeat(500)).flat()).toHaveLength(32);
  expect(wished("")).toEqual([]);
});
