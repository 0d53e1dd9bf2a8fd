//! A real browser, driven by the DevTools protocol over a pipe: headless Chromium.
//!
//! ```text
//!   test --JSON, ended by 0--> descriptor 3 | chromium | descriptor 4 --JSON, ended by 0--> test
//! ```
//! The shell gives its own input and output to the browser as those descriptors.

use base64::Engine;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A size of the window, and the colours that the reader prefers.
#[derive(Clone, Copy)]
pub struct View {
    pub width: u32,
    pub height: u32,
    pub scheme: &'static str,
}

/// A browser with one page.
pub struct Browser {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    session: Option<String>,
    last: u64,
    /// Events that came between answers.
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens the browser.
    pub fn open() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let script = format!(
            "exec chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-extensions \
             --disable-background-networking --user-data-dir={} --remote-debugging-pipe about:blank 3<&0 4>&1",
            profile.path().display()
        );
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut this = Self { child, input, output, session: None, last: 0, events: Vec::new(), _profile: profile };
        let target = this.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let session = this.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        this.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            this.call(&format!("{domain}.enable"), json!({}));
        }
        this
    }

    /// The next message of the browser.
    fn message(&mut self) -> Value {
        let mut bytes = Vec::new();
        let read = self.output.read_until(0, &mut bytes).unwrap_or(0);
        assert!(read > 0, "the browser does not answer: install the Debian package chromium (cargo xtask setup does)");
        bytes.pop();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Calls a method and waits for its result.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut call = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        // A browser that is not there is told by the answer that does not come.
        let _ = self.input.write_all(format!("{call}\0").as_bytes()).and_then(|()| self.input.flush());
        loop {
            let message = self.message();
            if message["id"] == json!(self.last) {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    /// Loads a file at a size and waits until all of it is there.
    pub fn load(&mut self, path: &Path, View { width, height, scheme }: View) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        self.call("Emulation.setEmulatedMedia", json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}));
        self.events.clear();
        self.call("Page.navigate", json!({"url": format!("file://{}", path.display())}));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.message();
            self.events.push(event);
        }
    }

    /// The value of a JavaScript expression, which the page's policy does not hold back.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let found = self.call("Runtime.evaluate", json!({"expression": expression, "returnByValue": true}));
        assert!(found["exceptionDetails"].is_null(), "{expression}: {found}");
        found["result"]["value"].clone()
    }

    /// What the page asked for, besides its own file, and what it complained of.
    pub fn complaints(&mut self) -> Vec<String> {
        // Whatever is on its way arrives before the answer.
        self.evaluate("document.fonts.status");
        let of = |event: &Value| match event["method"].as_str()? {
            "Network.requestWillBeSent" if event["params"]["type"] != "Document" => {
                Some(event["params"]["request"]["url"].to_string())
            }
            "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" => Some(event["params"].to_string()),
            "Log.entryAdded" => Some(event["params"]["entry"]["text"].to_string()),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    /// The whole page as a PNG.
    pub fn screenshot(&mut self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
        base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
