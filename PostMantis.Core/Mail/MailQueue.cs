using System.Threading.Channels;
using MailKit.Net.Smtp;
using MailKit.Security;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using MimeKit;

namespace PostMantis.Core.Mail;

/// <summary>One plain-text message to one person.</summary>
public sealed record MailMessage(string To, string Subject, string Text)
{
    public override string ToString() => "[mail]";
}

/// <summary>
/// Mail that is composed and sent after the request that asked for it was answered, so that the time of the answer does
/// not tell what was found. A message lost with the process can be asked for again.
/// </summary>
public sealed partial class MailQueue(IServiceScopeFactory scopes, IOptions<SmtpOptions> options, ILogger<MailQueue> logger)
{
    private const int MostWaiting = 1_000;

    private readonly Channel<Func<IServiceProvider, CancellationToken, Task<MailMessage?>>> _waiting =
        Channel.CreateBounded<Func<IServiceProvider, CancellationToken, Task<MailMessage?>>>(MostWaiting);

    /// <summary>Whether mail can be sent at all.</summary>
    public bool IsConfigured => options.Value.IsConfigured;

    /// <summary>Composes and sends later; <paramref name="compose"/> answers null when there is nothing to say.</summary>
    internal void Add(Func<IServiceProvider, CancellationToken, Task<MailMessage?>> compose)
    {
        if (!_waiting.Writer.TryWrite(compose)) LogFull();
    }

    /// <summary>Waits until there is something to send.</summary>
    public async Task WaitAsync(CancellationToken ct) => await _waiting.Reader.WaitToReadAsync(ct);

    /// <summary>Composes and sends what waits; answers how many messages went out.</summary>
    public async Task<int> RunOnceAsync(CancellationToken ct)
    {
        var sent = 0;
        while (_waiting.Reader.TryRead(out var compose))
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                if (await compose(scope.ServiceProvider, ct) is not { } message) continue;
                await SendAsync(message, ct);
                sent++;
            }
            catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
            {
                // The type only: a server's words may repeat the address.
                LogFailed(e.GetType().Name);
            }
        }
        return sent;
    }

    private async Task SendAsync(MailMessage message, CancellationToken ct)
    {
        var smtp = options.Value;
        using var mail = new MimeMessage();
        mail.From.Add(MailboxAddress.Parse(smtp.From!));
        mail.To.Add(MailboxAddress.Parse(message.To));
        mail.Subject = message.Subject;
        mail.Body = new TextPart("plain") { Text = message.Text };
        using var client = new SmtpClient { Timeout = (int)smtp.Timeout.TotalMilliseconds };
        await client.ConnectAsync(smtp.Host!, smtp.Port, smtp.Security switch
        {
            SmtpSecurity.Tls => SecureSocketOptions.SslOnConnect,
            SmtpSecurity.StartTls => SecureSocketOptions.StartTls,
            _ => SecureSocketOptions.None,
        }, ct);
        if (!string.IsNullOrEmpty(smtp.UserName)) await client.AuthenticateAsync(smtp.UserName, smtp.Password ?? "", ct);
        await client.SendAsync(mail, ct);
        await client.DisconnectAsync(quit: true, ct);
    }

    [LoggerMessage(LogLevel.Error, "A message could not be sent by SMTP: {Error}")]
    private partial void LogFailed(string error);

    [LoggerMessage(LogLevel.Warning, "Too much mail waits; a message was dropped.")]
    private partial void LogFull();
}
