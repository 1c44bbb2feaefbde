/** Texts are said in English. */
import english from "../../../python/tertulia/web/static/words/en.js";
import ofMeetings from "../../../python/tertulia/web/static/words/meetings/en.js";
import { speak } from "../../../python/tertulia/web/static/words.js";

speak({ ...english, ...ofMeetings }, "en");
