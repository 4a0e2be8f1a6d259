// A shop on Express with @x402/express; its facilitator is the sidecar.
import { paymentMiddleware } from "@x402/express";
import express from "express";
import { listening } from "../lines.mjs";
import { routes, server } from "./offer.mjs";

const app = express();
app.use(paymentMiddleware(routes, server));
app.get("/report/:id", (request, response) => response.type("text").send(`report ${request.params.id}`));
const listener = app.listen(0, "127.0.0.1", () => listening(listener.address().port));
