using PostMantis.Core.Mail;

namespace PostMantis.Api.Workers;

/// <summary>Sends the mail that waits.</summary>
internal sealed class MailWorker(MailQueue mail) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await mail.WaitAsync(stoppingToken);
            await mail.RunOnceAsync(stoppingToken);
        }
    }
}
