"""The work item as an engineer writes it by hand with FastAPI and SQLite: WAL, synchronous=FULL, one commit an alert."""

import argparse
import csv
import datetime
import json
import math
import pathlib
import re
import socket
import sqlite3
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, HTTPException, Request

POINTS = {"low": 0, "medium": 5, "high": 10, "critical": 20}
ADDRESS = re.compile(r"^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$")


def read_tables(database, context):
    database.execute(
        "CREATE TABLE users (name TEXT PRIMARY KEY, privileged INT, department TEXT,"
        " lat REAL, lon REAL, last_seen INT, devices TEXT)"
    )
    with open(context / "users.csv", newline="") as file:
        for row in csv.DictReader(file):
            lat, lon = row["last_place"].split(",")
            database.execute(
                "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?)",
                (row["name"], row["privileged"] == "true", row["department"], float(lat), float(lon), int(row["last_seen"]), row["devices"]),
            )
    database.execute("CREATE TABLE blocked (address TEXT PRIMARY KEY) WITHOUT ROWID")
    with open(context / "blocklist.txt") as file:
        database.executemany("INSERT INTO blocked VALUES (?)", ((line.strip(),) for line in file))
    database.execute("CREATE TABLE logins (id TEXT PRIMARY KEY, outcome TEXT, score INT, evidence TEXT)")
    database.commit()


def normalize(alert):
    for key in ("id", "time", "user", "src_ip", "device_id", "severity"):
        value = alert.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= 256:
            raise HTTPException(400, f"field {key}")
    user = alert["user"].strip().lower()
    user = user.split("\\", 1)[-1].split("@", 1)[0]
    address = ADDRESS.match(alert["src_ip"].strip())
    if not address or any(int(part) > 255 for part in address.groups()):
        raise HTTPException(400, "src_ip")
    for key, most in (("lat", 90), ("lon", 180)):
        value = alert.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -most <= value <= most:
            raise HTTPException(400, key)
    severity = alert["severity"].strip().lower()
    if severity not in POINTS:
        raise HTTPException(400, "severity")
    try:
        time = datetime.datetime.strptime(alert["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        raise HTTPException(400, "time") from None
    return user, address.group(0), severity, int(time.timestamp())


def kilometres(a, b, c, d):
    p, q = math.radians(a), math.radians(c)
    h = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * math.sin(math.radians(d - b) / 2) ** 2
    return 2 * 6371.0 * math.asin(math.sqrt(h))


def decide(database, alert):
    user, address, severity, time = normalize(alert)
    score = POINTS[severity]
    blocked = database.execute("SELECT 1 FROM blocked WHERE address = ?", (address,)).fetchone() is not None
    evidence = {"user": user, "src_ip": address, "severity": severity, "ip_blocked": blocked}
    score += 40 if blocked else 0
    row = database.execute(
        "SELECT privileged, department, lat, lon, last_seen, devices FROM users WHERE name = ?", (user,)
    ).fetchone()
    if row is None:
        score += 20
    else:
        privileged, department, lat, lon, last_seen, devices = row
        km = kilometres(lat, lon, alert["lat"], alert["lon"])
        speed = km / (max(time - last_seen, 1) / 3600)
        travel, new = km > 100 and speed > 900, alert["device_id"].strip() not in devices.split(";")
        evidence.update(distance_km=km, speed_kmh=speed, impossible_travel=travel, new_device=new)
        evidence.update(privileged=bool(privileged), department=department)
        score += (35 if travel else 0) + (15 if new else 0) + (10 if privileged else 0)
    return ("escalate" if score >= 50 else "close"), score, evidence


def application(database, address):
    @asynccontextmanager
    async def lifespan(_):
        print(f"listening on http://{address[0]}:{address[1]}", flush=True)
        yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/alerts/bench")
    async def receive(request: Request):
        alert = await request.json()
        if not isinstance(alert, dict):
            raise HTTPException(400, "not an object")
        outcome, score, evidence = decide(database, alert)
        database.execute(
            "INSERT OR IGNORE INTO logins VALUES (?, ?, ?, ?)", (alert["id"], outcome, score, json.dumps(evidence))
        )
        database.commit()
        return {"id": alert["id"], "outcome": outcome, "score": score, "evidence": evidence}

    return app


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--context", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    database = sqlite3.connect(arguments.data / "logins.sqlite", check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    read_tables(database, arguments.context)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    app = application(database, listener.getsockname())
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


main()
