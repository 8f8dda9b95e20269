// Numbers and times in words, as updates/words.py and templatetags/formats.py write them.
"use strict";
const format = (() => {
  const NOTHING = "–";
  const MINUTE = 60, HOUR = 3600, DAY = 86400;

  function two(whole, large, largeName, small, smallName) {
    const first = Math.floor(whole / large);
    const second = Math.floor((whole % large) / small);
    if (!second) return `${first} ${largeName}`;
    return `${first} ${largeName} ${String(second).padStart(2, "0")} ${smallName}`;
  }

  function duration(seconds) {
    const whole = Math.round(Math.abs(seconds));
    if (whole < MINUTE) return `${whole} s`;
    if (whole < HOUR) return two(whole, MINUTE, "min", 1, "s");
    if (whole < DAY) return two(whole, HOUR, "h", MINUTE, "min");
    return two(whole, DAY, "d", HOUR, "h");
  }

  function relative(at, now) {
    const seconds = (at - now) / 1000;
    return seconds > 0 ? `in ${duration(seconds)}` : `${duration(seconds)} ago`;
  }

  const pad = (n) => String(n).padStart(2, "0");

  function when(at) {
    const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
    return `${date} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  }

  function time(at) {
    return when(at).slice(-8);
  }

  const count = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

  function value(number, unit) {
    if (number === null || number === undefined) return NOTHING;
    if (unit === "s") return duration(number);
    if (unit === "ms") return `${count.format(number)} ms`;
    if (unit === "" || unit === "nats") return number.toFixed(4);
    return count.format(number);
  }

  return { duration, relative, when, time, value };
})();
